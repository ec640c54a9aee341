// SPDX-License-Identifier: GPL-2.0-or-later
// Names every chunk that recipes need, those of the recipes themselves included. Recipes of one
// data set are mostly the same chunks in the same order, so a stretch that was read for one recipe
// is not read again for the next: the work grows with what differs.
import { RECIPE_BATCH_SIZE } from '../base/limits.ts';
import { malformed } from '../bytes/malformed.ts';
import type { ChunkRef } from '../dataset/chunk-list.ts';
import type { RecipeRoot } from '../dataset/manifest.ts';
import { RECIPE_FORMAT, decodeRecord } from '../dataset/recipe-record.ts';
import { RECIPE_HEADER } from '../dataset/recipe.ts';
import { recipeLevels, type ChunkSource } from './recipe-reader.ts';

const LENGTH_SIZE = 4;

/** The beginning of a record that goes on in the next chunk: the end of some chunks' bytes. */
interface Carry {
  readonly ids: readonly Buffer[];
  /** Where it starts in the first of them. */
  readonly start: number;
}

const NOTHING: Carry = { ids: [], start: 0 };
/** Before the first chunk of a recipe, which starts with the recipe's header. */
const AT_START: Carry = { ids: [], start: -1 };

export class RecipeMarker {
  readonly #source: ChunkSource;
  readonly #mark: (id: Buffer) => void;
  /** By carry and chunk: the carry after that chunk. */
  readonly #known = new Map<string, Carry>();
  readonly #seen = new Set<string>();
  /** The newest carry that was parsed, with its bytes. */
  #last: { readonly carry: Carry; readonly bytes: Buffer } | undefined;

  /** mark is called at least once for each chunk. */
  constructor(source: ChunkSource, mark: (id: Buffer) => void) {
    this.#source = source;
    this.#mark = mark;
  }

  /** ERR_RECIPE_MALFORMED, and what the source throws. */
  async add(root: RecipeRoot, signal: AbortSignal): Promise<void> {
    const levels = await recipeLevels(this.#source, root, signal);
    for (const level of levels) for (const { id } of level) this.#mark(id);
    const chunks = levels.at(-1) ?? [];
    let carry = AT_START;
    let read = new Map<number, Buffer>();
    for (const [index, { id }] of chunks.entries()) {
      const key = keyOf(carry, id);
      const known = this.#known.get(key);
      if (known !== undefined) {
        carry = known;
        continue;
      }
      if (!read.has(index)) read = await this.#read(chunks, index, signal);
      const before = await this.#bytesOf(carry, signal);
      const next = this.#parse(before, read.get(index) ?? Buffer.alloc(0), { carry, id });
      this.#known.set(key, next);
      this.#seen.add(id.toString('latin1'));
      carry = next;
    }
    if (carry.ids.length > 0) throw malformed(RECIPE_FORMAT, '', 'ends too early');
  }

  /** Reads ahead, as far as no other recipe had these chunks. */
  async #read(
    chunks: readonly ChunkRef[],
    first: number,
    signal: AbortSignal,
  ): Promise<Map<number, Buffer>> {
    let size = 0;
    let end = first;
    for (let ref = chunks[end]; ref !== undefined; ref = chunks[end]) {
      const isKnown = this.#seen.has(ref.id.toString('latin1'));
      if (end > first && (isKnown || size + ref.length > RECIPE_BATCH_SIZE)) break;
      size += ref.length;
      end += 1;
    }
    const ids = chunks.slice(first, end).map(({ id }) => id);
    const bytes = await this.#source.readChunks(ids, signal);
    return new Map(bytes.map((each, index) => [first + index, each]));
  }

  async #bytesOf({ ids, start }: Carry, signal: AbortSignal): Promise<Buffer> {
    if (ids.length === 0) return Buffer.alloc(0);
    if (this.#last?.carry.ids === ids) return this.#last.bytes;
    return Buffer.concat(await this.#source.readChunks(ids, signal)).subarray(start);
  }

  /** Marks what the records name that end in this chunk. */
  #parse(
    before: Buffer,
    bytes: Buffer,
    { carry, id }: { readonly carry: Carry; readonly id: Buffer },
  ): Carry {
    const stream = before.length === 0 ? bytes : Buffer.concat([before, bytes]);
    let offset = carry === AT_START ? RECIPE_HEADER.length : 0;
    if (offset > stream.length) throw malformed(RECIPE_FORMAT, 'header', 'is cut');
    while (stream.length - offset >= LENGTH_SIZE) {
      const end = offset + LENGTH_SIZE + stream.readUInt32LE(offset);
      if (end > stream.length) break;
      const record = decodeRecord(stream.subarray(offset + LENGTH_SIZE, end));
      for (const chunk of record.content?.chunks ?? []) this.#mark(chunk.id);
      offset = end;
    }
    const left = stream.length - offset;
    if (left === 0) return NOTHING;
    const copy = Buffer.from(id);
    const next: Carry =
      left <= bytes.length
        ? { ids: [copy], start: bytes.length - left }
        : { ids: [...carry.ids, copy], start: carry.start };
    this.#last = { carry: next, bytes: stream.subarray(offset) };
    return next;
  }
}

function keyOf({ ids, start }: Carry, id: Buffer): string {
  return `${start}/${Buffer.concat([...ids, id]).toString('latin1')}`;
}
