// SPDX-License-Identifier: GPL-2.0-or-later
// Boundaries and ids of chunks under the keys of a key domain. The id of a chunk is
// HMAC-SHA-256(K_id, bytes).
#ifndef MULEPLEX_CORE_CHUNK_NAMER_H_
#define MULEPLEX_CORE_CHUNK_NAMER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "chunker.h"
#include "crypto.h"
#include "lane_compress.h"

namespace muleplex {

/// A chunker with the tables of this gear key (chunker.h has the derivation).
Chunker makeChunker(const SecretKey& gearKey, uint32_t average);

/// Immutable after construction, so one may serve many threads.
class ChunkNamer {
 public:
  explicit ChunkNamer(const SecretKey& idKey);
  ChunkNamer(const ChunkNamer&) = delete;
  ChunkNamer& operator=(const ChunkNamer&) = delete;
  ~ChunkNamer();

  /// Writes kHmacSize bytes for each chunk to `ids`. As many are hashed at once as the processor
  /// has lanes.
  void name(std::span<const std::span<const uint8_t>> chunks, uint8_t* ids) const;

 private:
  using State = std::array<uint32_t, 8>;

  /// A chunk of which so many blocks are in the state.
  struct Hashing {
    std::span<const uint8_t> chunk;
    uint8_t* id;
    State state;
    size_t blocksDone;

    size_t blocksLeft() const;
  };

  /// Hashes as many blocks of each, of the first that the kernel has lanes for, as the shortest has
  /// left.
  static void advance(const LaneCompress& kernel, std::span<Hashing> hashings);
  /// Ends both hashes of the chunk, and writes its id.
  void finish(const Hashing& hashing) const;

  /// Of SHA-256, after the block of the padded key that each hash starts with.
  State inner_;
  State outer_;
};

struct NamedChunks {
  std::vector<uint32_t> lengths;
  /// 32 bytes for each length.
  std::vector<uint8_t> ids;
  /// Sum of the lengths.
  uint64_t consumed = 0;
};

/// Names the chunks of these lengths, which lie one after the other from `data` on.
NamedChunks nameChunks(const ChunkNamer& namer, const uint8_t* data,
                       std::vector<uint32_t> lengths);

}  // namespace muleplex

#endif  // MULEPLEX_CORE_CHUNK_NAMER_H_
