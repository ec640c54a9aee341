// SPDX-License-Identifier: GPL-2.0-or-later
// What the package ed2k-link 0.0.1, which has no declarations, offers and we use.
declare module 'ed2k-link' {
  interface Link {
    filename: string;
    /** As written in the link; parse takes capitals only. */
    ed2k: string;
    /** Base 32; empty when the link has none. */
    aich: string;
    /** Hex, each as written. */
    hashset: string[];
    sources: { client: string[]; url: string[] };
    length: number;
    toString(options?: { hashset?: boolean }): string;
  }

  const ed2kLink: {
    Ed2kLink: new () => Link;
    parse(url: string): Link;
  };
  export default ed2kLink;
}
