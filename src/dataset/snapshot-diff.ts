// SPDX-License-Identifier: GPL-2.0-or-later
// What a snapshot changes against its parent, entry by entry, so that a replica reuses what it has.
import type { RecipeEntry } from './recipe.ts';

export type Change =
  /** The parent has the same entry at the same path. */
  | { readonly kind: 'unchanged' }
  /** The parent has the same content at the same path; mode, owner, time or xattrs differ. */
  | { readonly kind: 'metadata' }
  /** A file whose content the parent has at another path. */
  | { readonly kind: 'moved'; readonly from: Buffer }
  /** Anything else, and files without content. */
  | { readonly kind: 'new' };

/** An entry, as little of it as a comparison needs. */
interface Known {
  readonly content: string;
  readonly metadata: string;
}

/**
 * Compares entries of a new snapshot with those of its parent, in any order. Keeps no chunk lists:
 * about 300 bytes an entry of the parent.
 */
export class SnapshotDiff {
  readonly #byPath = new Map<string, Known>();
  readonly #byContent = new Map<string, Buffer>();

  constructor(parentEntries: Iterable<RecipeEntry>) {
    for (const entry of parentEntries) this.add(entry);
  }

  /** One more entry of the parent, for who streams them. */
  add(entry: RecipeEntry): void {
    const content = contentKey(entry);
    this.#byPath.set(pathKey(entry.path), { content, metadata: metadataKey(entry) });
    const isReusable = entry.type === 'file' && entry.chunks.length > 0;
    if (isReusable && !this.#byContent.has(content)) {
      this.#byContent.set(content, Buffer.from(entry.path));
    }
  }

  classify(entry: RecipeEntry): Change {
    const content = contentKey(entry);
    const known = this.#byPath.get(pathKey(entry.path));
    if (known?.content === content) {
      return { kind: known.metadata === metadataKey(entry) ? 'unchanged' : 'metadata' };
    }
    const from = entry.type === 'file' ? this.#byContent.get(content) : undefined;
    return from === undefined ? { kind: 'new' } : { kind: 'moved', from };
  }
}

function pathKey(path: Buffer): string {
  return path.toString('latin1');
}

/**
 * Equal for equal type and bytes. A hardlink is what its target is, so only its target's path
 * counts; whether the bytes there changed is said by the entry of that path.
 */
function contentKey(entry: RecipeEntry): string {
  const holes = (entry.holes ?? []).map(({ offset, length }) => `${offset}+${length}`);
  const target = entry.target?.toString('latin1') ?? '';
  const digest = entry.digest?.toString('latin1') ?? '';
  return [entry.type, entry.size, holes.join(','), digest, target].join('\0');
}

function metadataKey(entry: RecipeEntry): string {
  const xattrs = entry.xattrs.map(
    ({ name, value }) => `${name.toString('latin1')}=${value.toString('hex')}`,
  );
  const { mode, uid, gid, mtimeSec, mtimeNsec } = entry;
  return [mode, uid, gid, mtimeSec, mtimeNsec, ...xattrs].join('\0');
}
