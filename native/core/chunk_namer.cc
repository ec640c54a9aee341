// SPDX-License-Identifier: GPL-2.0-or-later
#include "chunk_namer.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

#include "block_hash.h"
#include "cpu_level.h"
#include "sha256_compress.h"

namespace muleplex {
namespace {

constexpr uint8_t kInnerPad = 0x36;
constexpr uint8_t kOuterPad = 0x5c;

void storeState(const std::array<uint32_t, 8>& state, uint8_t* out) {
  for (size_t i = 0; i < kHmacSize; ++i) {
    out[i] = static_cast<uint8_t>(state[i / 4] >> (24 - 8 * (i % 4)));
  }
}

/// Asking the processor is slow where a hypervisor answers.
bool hashesPairs() {
#if defined(__x86_64__)
  static const bool kHashesPairs =
      cpuLevel() != CpuLevel::kBaseline && sha256HasShaInstructions();
  return kHashesPairs;
#else
  return false;
#endif
}

/// The state after a key, xored with a byte (RFC 2104).
std::array<uint32_t, 8> keyedState(const SecretKey& key, uint8_t pad) {
  uint8_t block[kHashBlockSize];
  std::fill(std::begin(block), std::end(block), pad);
  for (size_t i = 0; i < kKeySize; ++i) block[i] ^= key.data()[i];
  std::array<uint32_t, 8> state;
  std::copy(std::begin(kSha256Initial), std::end(kSha256Initial), state.begin());
  sha256FastestCompress()(state.data(), block, 1);
  OPENSSL_cleanse(block, sizeof block);
  return state;
}

}  // namespace

Chunker makeChunker(const SecretKey& gearKey, uint32_t average) {
  uint8_t tables[kGearTableBytes];
  hkdfExpand(gearKey, "muleplex gear tables", tables, sizeof tables);
  return Chunker(tables, average);
}

ChunkNamer::ChunkNamer(const SecretKey& idKey)
    : inner_(keyedState(idKey, kInnerPad)), outer_(keyedState(idKey, kOuterPad)) {}

ChunkNamer::~ChunkNamer() {
  OPENSSL_cleanse(inner_.data(), sizeof inner_);
  OPENSSL_cleanse(outer_.data(), sizeof outer_);
}

size_t ChunkNamer::Hashing::blocksLeft() const {
  return chunk.size() / kHashBlockSize - blocksDone;
}

void ChunkNamer::name(std::span<const std::span<const uint8_t>> chunks, uint8_t* ids) const {
  // The longest first: what is left without a partner at the end is short.
  std::vector<size_t> order(chunks.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, std::greater{}, [&](size_t index) { return chunks[index].size(); });
  const bool inPairs = hashesPairs();
  std::vector<Hashing> pair;
  for (const size_t index : order) {
    pair.push_back({chunks[index], ids + index * kHmacSize, inner_, 0});
    if (inPairs && pair.size() < 2) continue;
    if (inPairs) advance(pair[0], pair[1]);
    // The other goes on with the next chunk.
    const auto isAtEnd = [&](const Hashing& each) { return !inPairs || each.blocksLeft() == 0; };
    for (const Hashing& each : pair) {
      if (isAtEnd(each)) finish(each);
    }
    std::erase_if(pair, isAtEnd);
  }
  for (const Hashing& each : pair) finish(each);
}

void ChunkNamer::advance(Hashing& first, Hashing& second) {
#if defined(__x86_64__)
  const size_t blockCount = std::min(first.blocksLeft(), second.blocksLeft());
  uint32_t both[16];
  for (size_t word = 0; word < 8; ++word) {
    both[2 * word] = first.state[word];
    both[2 * word + 1] = second.state[word];
  }
  const uint8_t* const data[] = {first.chunk.data() + first.blocksDone * kHashBlockSize,
                                 second.chunk.data() + second.blocksDone * kHashBlockSize};
  sha256CompressTwo(both, data, blockCount);
  for (size_t word = 0; word < 8; ++word) {
    first.state[word] = both[2 * word];
    second.state[word] = both[2 * word + 1];
  }
  first.blocksDone += blockCount;
  second.blocksDone += blockCount;
#endif
}

void ChunkNamer::finish(const Hashing& hashing) const {
  const auto& [chunk, id, hashed, blocksDone] = hashing;
  const Sha256Compress compress = sha256FastestCompress();
  State state = hashed;
  if (hashing.blocksLeft() > 0) {
    compress(state.data(), chunk.data() + blocksDone * kHashBlockSize, hashing.blocksLeft());
  }
  uint8_t tail[2 * kHashBlockSize];
  const size_t wholeSize = chunk.size() / kHashBlockSize * kHashBlockSize;
  // The block of the key is a part of the message.
  size_t tailBlocks = padHashTail(tail, chunk.data() + wholeSize, kHashBlockSize + chunk.size(),
                                  true);
  compress(state.data(), tail, tailBlocks);
  uint8_t digest[kHmacSize];
  storeState(state, digest);
  State outer = outer_;
  tailBlocks = padHashTail(tail, digest, kHashBlockSize + kHmacSize, true);
  compress(outer.data(), tail, tailBlocks);
  storeState(outer, id);
}

NamedChunks nameChunks(const ChunkNamer& namer, const uint8_t* data,
                       std::vector<uint32_t> lengths) {
  NamedChunks chunks;
  chunks.lengths = std::move(lengths);
  std::vector<std::span<const uint8_t>> pieces;
  pieces.reserve(chunks.lengths.size());
  for (const uint32_t length : chunks.lengths) {
    pieces.emplace_back(data + chunks.consumed, length);
    chunks.consumed += length;
  }
  chunks.ids.resize(pieces.size() * kHmacSize);
  namer.name(pieces, chunks.ids.data());
  return chunks;
}

}  // namespace muleplex
