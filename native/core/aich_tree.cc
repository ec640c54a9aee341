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

Sha1Digest joinAichNodes(const Sha1Digest& left, const Sha1Digest& right) {
  Sha1 sha1;
  sha1.update(left.data(), left.size());
  sha1.update(right.data(), right.size());
  return sha1.finish();
}

// The recursion is as deep as the tree: at most 6 levels of blocks, and below 15 of parts.
Sha1Digest aichRootOf(const Sha1Digest* blocks, size_t count, bool isLeft) {
  if (count == 1) return *blocks;
  const size_t left = aichLeftCount(count, isLeft);
  return joinAichNodes(aichRootOf(blocks, left, true),
                       aichRootOf(blocks + left, count - left, false));
}

std::vector<Sha1Digest> hashAichBlocks(const uint8_t* part, size_t size) {
  std::vector<const uint8_t*> blocks;
  for (size_t end = kBlockSize; end <= size; end += kBlockSize) {
    blocks.push_back(part + end - kBlockSize);
  }
  std::vector<Sha1Digest> digests = hashBlocks(blocks, kBlockSize);
  const size_t rest = size % kBlockSize;
  if (rest > 0) digests.push_back(hashBlocks({part + size - rest}, rest).front());
  return digests;
}

void AichTree::addBlock(const Sha1Digest& hash) { blocks_.push_back(hash); }

void AichTree::endPart() {
  MULEPLEX_CHECK(!blocks_.empty());
  parts_.push_back({aichRootOf(blocks_.data(), blocks_.size(), false),
                    aichRootOf(blocks_.data(), blocks_.size(), true)});
  blocks_.clear();
}

Sha1Digest AichTree::finish() {
  MULEPLEX_CHECK(blocks_.empty() && !parts_.empty());
  const Sha1Digest root = partRoot(0, parts_.size(), true);
  parts_.clear();
  return root;
}

Sha1Digest AichTree::partRoot(size_t begin, size_t end, bool isLeft) const {
  if (end - begin == 1) return isLeft ? parts_[begin].asLeft : parts_[begin].asRight;
  const size_t middle = begin + aichLeftCount(end - begin, isLeft);
  return joinAichNodes(partRoot(begin, middle, true), partRoot(middle, end, false));
}

}  // namespace muleplex
