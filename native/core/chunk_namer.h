// SPDX-License-Identifier: GPL-2.0-or-later
// Boundaries and ids of chunks under the keys of a key domain. The id of a chunk is
// HMAC-SHA-256(K_id, bytes).
#ifndef MULEPLEX_CORE_CHUNK_NAMER_H_
#define MULEPLEX_CORE_CHUNK_NAMER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "chunker.h"
#include "crypto.h"

namespace muleplex {

/// A chunker with the tables of this gear key (chunker.h has the derivation).
Chunker makeChunker(const SecretKey& gearKey, uint32_t average);

struct NamedChunks {
  std::vector<uint32_t> lengths;
  /// 32 bytes for each length.
  std::vector<uint8_t> ids;
  /// Sum of the lengths.
  uint64_t consumed = 0;
};

/// Names the chunks of these lengths, which lie one after the other from `data` on.
NamedChunks nameChunks(HmacSha256& namer, const uint8_t* data, std::vector<uint32_t> lengths);

}  // namespace muleplex

#endif  // MULEPLEX_CORE_CHUNK_NAMER_H_
