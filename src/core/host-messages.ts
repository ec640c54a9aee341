// SPDX-License-Identifier: GPL-2.0-or-later
// What passes between muleplexd and the child process that holds the embedded core. The channel
// keeps order and binary data (child_process, 'advanced' serialization).

/** Packets are EC payloads with plain numbers. */
export interface HostRequest {
  readonly id: number;
  readonly packet: Uint8Array;
}

export type HostMessage =
  /** The answer; undefined when the core stopped or does not run yet. */
  | { readonly kind: 'answer'; readonly id: number; readonly packet: Uint8Array | undefined }
  | { readonly kind: 'event'; readonly packet: Uint8Array }
  /** The library cannot be used; the process ends. */
  | { readonly kind: 'failed'; readonly text: string };
