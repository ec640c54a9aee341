// SPDX-License-Identifier: GPL-2.0-or-later
#include "aich_leaves.h"

#include <algorithm>

#include "aich_tree.h"
#include "check.h"
#include "ed2k_layout.h"
#include "lane_hash.h"

namespace muleplex {
namespace {

constexpr size_t kPartBlocks = (kPartSize + kBlockSize - 1) / kBlockSize;
constexpr size_t kHashSize = 16;
/// A file of 2^38 bytes has 28,257 parts.
constexpr uint32_t kPartsMax = 28'257;
/// The way up from one of them.
constexpr size_t kPathMax = 15;

static_assert(sizeof(Sha1Digest) == kSha1Size, "digests lie end to end");

Sha1Digest join(const Sha1Digest& left, const Sha1Digest& right) {
  Sha1 sha1;
  sha1.update(left.data(), left.size());
  sha1.update(right.data(), right.size());
  return sha1.finish();
}

Sha1Digest rootOfBlocks(const Sha1Digest* blocks, size_t count, bool isLeft) {
  if (count == 1) return *blocks;
  const size_t left = aichLeftCount(count, isLeft);
  return join(rootOfBlocks(blocks, left, true), rootOfBlocks(blocks + left, count - left, false));
}

size_t partCountOf(uint64_t fileSize) {
  return static_cast<size_t>((fileSize + kPartSize - 1) / kPartSize);
}

size_t blockCountOf(uint64_t fileSize, size_t part) {
  const uint64_t size = std::min(kPartSize, fileSize - part * kPartSize);
  return static_cast<size_t>((size + kBlockSize - 1) / kBlockSize);
}

/// One turn on the way from the root to a part: the other side has parts begin to end.
struct Turn {
  size_t begin, end;
  bool isOtherLeft;
};

/// The turns from the root down, and on which side the part hangs.
std::vector<Turn> wayTo(size_t part, size_t partCount, bool& isLeft) {
  std::vector<Turn> way;
  size_t begin = 0, end = partCount;
  isLeft = true;
  while (end - begin > 1) {
    const size_t middle = begin + aichLeftCount(end - begin, isLeft);
    isLeft = part < middle;
    if (isLeft) {
      way.push_back({middle, end, false});
      end = middle;
    } else {
      way.push_back({begin, middle, true});
      begin = middle;
    }
  }
  return way;
}

uint32_t u32At(const uint8_t* bytes) {
  return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | static_cast<uint32_t>(bytes[3]) << 24;
}

void putU32(std::vector<uint8_t>& out, uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<uint8_t>(value >> shift));
}

void put(std::vector<uint8_t>& out, const std::vector<Sha1Digest>& digests) {
  for (const Sha1Digest& digest : digests) out.insert(out.end(), digest.begin(), digest.end());
}

std::vector<Sha1Digest> digestsAt(const uint8_t* data, size_t count) {
  std::vector<Sha1Digest> digests(count);
  for (size_t i = 0; i < count; ++i) {
    std::copy(data + i * kSha1Size, data + (i + 1) * kSha1Size, digests[i].begin());
  }
  return digests;
}

}  // namespace

std::vector<Sha1Digest> hashAichBlocks(const uint8_t* part, size_t size) {
  const size_t wholeCount = size / kBlockSize, rest = size % kBlockSize;
  std::vector<Sha1Digest> digests(wholeCount + (rest > 0));
  std::vector<const uint8_t*> blocks;
  for (size_t i = 0; i < wholeCount; ++i) blocks.push_back(part + i * kBlockSize);
  if (wholeCount > 0) sha1Lanes(blocks.data(), wholeCount, kBlockSize, digests[0].data());
  if (rest > 0) {
    const uint8_t* last = part + wholeCount * kBlockSize;
    sha1Lanes(&last, 1, rest, digests.back().data());
  }
  return digests;
}

bool areAichLeaves(const AichLeaves& leaves, uint64_t fileSize, uint32_t part,
                   const Sha1Digest& root) {
  const size_t partCount = partCountOf(fileSize);
  if (part >= partCount || leaves.blocks.size() != blockCountOf(fileSize, part)) return false;
  bool isLeft;
  const std::vector<Turn> way = wayTo(part, partCount, isLeft);
  if (leaves.path.size() != way.size()) return false;
  Sha1Digest node = rootOfBlocks(leaves.blocks.data(), leaves.blocks.size(), isLeft);
  for (size_t i = 0; i < way.size(); ++i) {
    const Sha1Digest& other = leaves.path[i];
    node = way[way.size() - 1 - i].isOtherLeft ? join(other, node) : join(node, other);
  }
  return node == root;
}

std::vector<uint8_t> encodeLeavesRequest(const AichLeavesRequest& request) {
  MULEPLEX_CHECK(!request.parts.empty() && request.parts.size() <= kLeafRequestPartsMax);
  std::vector<uint8_t> out(request.fileHash.begin(), request.fileHash.end());
  for (const uint32_t part : request.parts) putU32(out, part);
  return out;
}

std::vector<uint8_t> encodeLeavesAnswer(const AichLeavesAnswer& answer) {
  const AichLeaves& leaves = answer.leaves;
  MULEPLEX_CHECK(leaves.blocks.size() <= kPartBlocks && leaves.path.size() <= kPathMax);
  std::vector<uint8_t> out(answer.fileHash.begin(), answer.fileHash.end());
  putU32(out, answer.part);
  out.push_back(static_cast<uint8_t>(leaves.blocks.size()));
  out.push_back(static_cast<uint8_t>(leaves.path.size()));
  put(out, leaves.blocks);
  put(out, leaves.path);
  return out;
}

std::optional<AichLeavesRequest> decodeLeavesRequest(const uint8_t* data, size_t size) {
  if (size < kHashSize + 4 || size > kHashSize + 4 * kLeafRequestPartsMax ||
      (size - kHashSize) % 4 != 0) {
    return std::nullopt;
  }
  AichLeavesRequest request;
  std::copy(data, data + kHashSize, request.fileHash.begin());
  for (size_t at = kHashSize; at < size; at += 4) {
    request.parts.push_back(u32At(data + at));
    if (request.parts.back() >= kPartsMax) return std::nullopt;
  }
  return request;
}

std::optional<AichLeavesAnswer> decodeLeavesAnswer(const uint8_t* data, size_t size) {
  constexpr size_t kHeadSize = kHashSize + 4 + 2;
  if (size < kHeadSize) return std::nullopt;
  AichLeavesAnswer answer;
  std::copy(data, data + kHashSize, answer.fileHash.begin());
  answer.part = u32At(data + kHashSize);
  const size_t blockCount = data[kHeadSize - 2], pathLength = data[kHeadSize - 1];
  if (answer.part >= kPartsMax || blockCount > kPartBlocks || pathLength > kPathMax ||
      (blockCount == 0 && pathLength > 0) ||
      size != kHeadSize + kSha1Size * (blockCount + pathLength)) {
    return std::nullopt;
  }
  answer.leaves.blocks = digestsAt(data + kHeadSize, blockCount);
  answer.leaves.path = digestsAt(data + kHeadSize + kSha1Size * blockCount, pathLength);
  return answer;
}

AichFile::AichFile(uint64_t fileSize)
    : fileSize_(fileSize),
      blocks_((partCountOf(fileSize) - 1) * kPartBlocks +
              blockCountOf(fileSize, partCountOf(fileSize) - 1)),
      parts_(partCountOf(fileSize)),
      missing_(parts_.size()) {}

size_t AichFile::byteCount() const { return (blocks_.size() + parts_.size()) * kSha1Size; }

void AichFile::setPart(uint32_t part, const std::vector<Sha1Digest>& blocks) {
  MULEPLEX_CHECK(part < parts_.size() && blocks.size() == blockCountOf(fileSize_, part));
  bool isLeft;
  wayTo(part, parts_.size(), isLeft);
  parts_[part] = rootOfBlocks(blocks.data(), blocks.size(), isLeft);
  std::copy(blocks.begin(), blocks.end(), blocks_.begin() + part * kPartBlocks);
  --missing_;
}

Sha1Digest AichFile::nodeOf(size_t begin, size_t end, bool isLeft) const {
  if (end - begin == 1) return parts_[begin];
  const size_t middle = begin + aichLeftCount(end - begin, isLeft);
  return join(nodeOf(begin, middle, true), nodeOf(middle, end, false));
}

Sha1Digest AichFile::root() const { return nodeOf(0, parts_.size(), true); }

AichLeaves AichFile::leavesOf(uint32_t part) const {
  const auto first = blocks_.begin() + part * kPartBlocks;
  AichLeaves leaves;
  leaves.blocks.assign(first, first + blockCountOf(fileSize_, part));
  bool isLeft;
  const std::vector<Turn> way = wayTo(part, parts_.size(), isLeft);
  for (auto turn = way.rbegin(); turn != way.rend(); ++turn) {
    leaves.path.push_back(nodeOf(turn->begin, turn->end, turn->isOtherLeft));
  }
  return leaves;
}

}  // namespace muleplex
