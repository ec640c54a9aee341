// SPDX-License-Identifier: GPL-2.0-or-later
#include "aich_leaves.h"

#include <algorithm>

#include "check.h"
#include "ed2k_layout.h"
#include "little_endian.h"

namespace muleplex {
namespace {

constexpr size_t kPartBlocks = (kPartSize + kBlockSize - 1) / kBlockSize;
constexpr size_t kHashSize = 16;
/// A file of 2^38 bytes has 28,257 parts.
constexpr uint32_t kPartsMax = 28'257;
/// The way up from one of them.
constexpr size_t kPathMax = 15;

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

bool areAichLeaves(const AichLeaves& leaves, uint64_t fileSize, uint32_t part,
                   const Sha1Digest& root) {
  const size_t partCount = partCountOf(fileSize);
  if (part >= partCount || leaves.blocks.size() != blockCountOf(fileSize, part)) return false;
  bool isLeft;
  const std::vector<Turn> way = wayTo(part, partCount, isLeft);
  if (leaves.path.size() != way.size()) return false;
  Sha1Digest node = aichRootOf(leaves.blocks.data(), leaves.blocks.size(), isLeft);
  for (size_t i = 0; i < way.size(); ++i) {
    const Sha1Digest& other = leaves.path[i];
    node = way[way.size() - 1 - i].isOtherLeft ? joinAichNodes(other, node)
                                               : joinAichNodes(node, other);
  }
  return node == root;
}

std::vector<uint8_t> encodeLeavesRequest(const AichLeavesRequest& request) {
  MULEPLEX_CHECK(!request.parts.empty() && request.parts.size() <= kLeafRequestPartsMax);
  std::vector<uint8_t> out(request.fileHash.begin(), request.fileHash.end());
  for (const uint32_t part : request.parts) appendU32(out, part);
  return out;
}

std::vector<uint8_t> encodeLeavesAnswer(const AichLeavesAnswer& answer) {
  const AichLeaves& leaves = answer.leaves;
  MULEPLEX_CHECK(leaves.blocks.size() <= kPartBlocks && leaves.path.size() <= kPathMax);
  std::vector<uint8_t> out(answer.fileHash.begin(), answer.fileHash.end());
  appendU32(out, answer.part);
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
  parts_[part] = aichRootOf(blocks.data(), blocks.size(), isLeft);
  std::copy(blocks.begin(), blocks.end(), blocks_.begin() + part * kPartBlocks);
  --missing_;
}

Sha1Digest AichFile::nodeOf(size_t begin, size_t end, bool isLeft) const {
  if (end - begin == 1) return parts_[begin];
  const size_t middle = begin + aichLeftCount(end - begin, isLeft);
  return joinAichNodes(nodeOf(begin, middle, true), nodeOf(middle, end, false));
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
