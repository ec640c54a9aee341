// SPDX-License-Identifier: GPL-2.0-or-later
#include "chunk_namer.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

#include "block_hash.h"
#include "lane_group.h"
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
  // The longest first: what is left without company at the end is short.
  std::vector<size_t> order(chunks.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, std::greater{}, [&](size_t index) { return chunks[index].size(); });
  std::vector<Hashing> lanes;
  for (size_t taken = 0;;) {
    const LaneCompress& kernel = sha256Kernel(lanes.size() + (order.size() - taken));
    for (; lanes.size() < kernel.lanes && taken < order.size(); ++taken) {
      const size_t index = order[taken];
      lanes.push_back({chunks[index], ids + index * kHmacSize, inner_, 0});
    }
    if (lanes.size() < 2) break;
    advance(kernel, lanes);
    // The others go on with the next chunks.
    const auto isAtEnd = [](const Hashing& each) { return each.blocksLeft() == 0; };
    for (const Hashing& each : lanes) {
      if (isAtEnd(each)) finish(each);
    }
    std::erase_if(lanes, isAtEnd);
  }
  for (const Hashing& each : lanes) finish(each);
}

void ChunkNamer::advance(const LaneCompress& kernel, std::span<Hashing> hashings) {
  const size_t count = std::min(kernel.lanes, hashings.size());
  size_t blockCount = hashings[0].blocksLeft();
  for (const Hashing& each : hashings.first(count)) {
    blockCount = std::min(blockCount, each.blocksLeft());
  }
  alignas(64) uint32_t states[std::tuple_size_v<State> * kLanesMax];
  const uint8_t* data[kLanesMax] = {};
  for (size_t lane = 0; lane < kernel.lanes; ++lane) {
    // Lanes that are left over repeat the first.
    const Hashing& each = hashings[lane < count ? lane : 0];
    data[lane] = each.chunk.data() + each.blocksDone * kHashBlockSize;
    for (size_t word = 0; word < each.state.size(); ++word) {
      states[word * kernel.lanes + lane] = each.state[word];
    }
  }
  kernel.compress(states, data, blockCount);
  for (size_t lane = 0; lane < count; ++lane) {
    Hashing& each = hashings[lane];
    for (size_t word = 0; word < each.state.size(); ++word) {
      each.state[word] = states[word * kernel.lanes + lane];
    }
    each.blocksDone += blockCount;
  }
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
