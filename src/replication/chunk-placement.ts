// SPDX-License-Identifier: GPL-2.0-or-later
// Where the bytes of chunks lie in a file with holes: the chunks are the file without them.
import type { Hole } from '../dataset/recipe.ts';
import type { PlacedPiece } from '../native/file-writer.ts';

/** Places chunks of which the first starts dataOffset bytes into what is outside of holes. */
export function* placeChunks(
  holes: readonly Hole[],
  chunks: readonly Buffer[],
  dataOffset: number,
): Generator<PlacedPiece> {
  let offset = dataOffset;
  let nextHole = 0;
  const skipHoles = (): void => {
    for (let hole = holes[nextHole]; hole?.offset === offset; hole = holes[nextHole]) {
      offset += hole.length;
      nextHole += 1;
    }
  };
  // Holes that lie before the first byte push it further back.
  for (let hole = holes[0]; hole !== undefined && hole.offset <= offset; hole = holes[nextHole]) {
    offset += hole.length;
    nextHole += 1;
  }
  for (const chunk of chunks) {
    for (let done = 0; done < chunk.length;) {
      skipHoles();
      const room = (holes[nextHole]?.offset ?? Infinity) - offset;
      const bytes = chunk.subarray(done, done + Math.min(room, chunk.length - done));
      yield { offset, bytes };
      done += bytes.length;
      offset += bytes.length;
    }
  }
}
