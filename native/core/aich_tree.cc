// SPDX-License-Identifier: GPL-2.0-or-later
#include "aich_tree.h"

#include "check.h"
#include "ed2k_layout.h"
#include "lane_hash.h"

namespace muleplex {
namespace {

std::vector<Sha1Digest> hashBlocks(const std::vector<const uint8_t*>& blocks, size_t size) {
  static_assert(sizeof(Sha1Digest) == kSha1Size, "digests lie end to end");
  std::vector<Sha1Digest> digests(blocks.size());
  if (!blocks.empty()) sha1Lanes(blocks.data(), blocks.size(), size, digests.front().data());
  return digests;
}

}  // namespace

void AichTree::addBlock(const Sha1Digest& hash) { blocks_.push_back(hash); }

void AichTree::endPart() {
  MULEPLEX_CHECK(!blocks_.empty());
  parts_.push_back({blockRoot(0, blocks_.size(), false), blockRoot(0, blocks_.size(), true)});
  blocks_.clear();
}

void AichTree::addParts(const uint8_t* const* parts, size_t count) {
  constexpr size_t kWholeBlocks = kPartSize / kBlockSize;
  std::vector<const uint8_t*> blocks, lastBlocks;
  for (size_t part = 0; part < count; ++part) {
    for (size_t i = 0; i < kWholeBlocks; ++i) blocks.push_back(parts[part] + i * kBlockSize);
    lastBlocks.push_back(parts[part] + kWholeBlocks * kBlockSize);
  }
  const std::vector<Sha1Digest> digests = hashBlocks(blocks, kBlockSize);
  const std::vector<Sha1Digest> lastDigests = hashBlocks(lastBlocks, kPartSize % kBlockSize);
  for (size_t part = 0; part < count; ++part) {
    for (size_t i = 0; i < kWholeBlocks; ++i) addBlock(digests[part * kWholeBlocks + i]);
    addBlock(lastDigests[part]);
    endPart();
  }
}

Sha1Digest AichTree::finish() {
  MULEPLEX_CHECK(blocks_.empty() && !parts_.empty());
  const Sha1Digest root = partRoot(0, parts_.size(), true);
  parts_.clear();
  return root;
}

Sha1Digest AichTree::join(const Sha1Digest& left, const Sha1Digest& right) {
  sha1_.update(left.data(), left.size());
  sha1_.update(right.data(), right.size());
  return sha1_.finish();
}

// The recursion is as deep as the tree: at most 6 levels of blocks and 15 of parts.
Sha1Digest AichTree::blockRoot(size_t begin, size_t end, bool isLeft) {
  if (end - begin == 1) return blocks_[begin];
  const size_t middle = begin + aichLeftCount(end - begin, isLeft);
  return join(blockRoot(begin, middle, true), blockRoot(middle, end, false));
}

Sha1Digest AichTree::partRoot(size_t begin, size_t end, bool isLeft) {
  if (end - begin == 1) return isLeft ? parts_[begin].asLeft : parts_[begin].asRight;
  const size_t middle = begin + aichLeftCount(end - begin, isLeft);
  return join(partRoot(begin, middle, true), partRoot(middle, end, false));
}

}  // namespace muleplex
