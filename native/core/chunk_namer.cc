// SPDX-License-Identifier: GPL-2.0-or-later
#include "chunk_namer.h"

#include <utility>

namespace muleplex {

Chunker makeChunker(const SecretKey& gearKey, uint32_t average) {
  uint8_t tables[kGearTableBytes];
  hkdfExpand(gearKey, "muleplex gear tables", tables, sizeof tables);
  return Chunker(tables, average);
}

NamedChunks nameChunks(HmacSha256& namer, const uint8_t* data, std::vector<uint32_t> lengths) {
  NamedChunks chunks;
  chunks.lengths = std::move(lengths);
  chunks.ids.reserve(chunks.lengths.size() * kHmacSize);
  for (const uint32_t length : chunks.lengths) {
    const HmacDigest id = namer.mac(data + chunks.consumed, length);
    chunks.ids.insert(chunks.ids.end(), id.begin(), id.end());
    chunks.consumed += length;
  }
  return chunks;
}

}  // namespace muleplex
