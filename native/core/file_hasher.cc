// SPDX-License-Identifier: GPL-2.0-or-later
#include "file_hasher.h"

#include <algorithm>

#include "ed2k_layout.h"
#include "hash_pair.h"

namespace muleplex {
namespace {

// Each slice goes through all hashes while it is in the first-level cache.
constexpr size_t kSliceSize = 16 * 1024;

}  // namespace

void FileHasher::update(const uint8_t* data, size_t size) {
  hashes_.size += size;
  while (size > 0) {
    const uint64_t room = std::min(kPartSize - partFilled_, kBlockSize - blockFilled_);
    const size_t slice = std::min({size, kSliceSize, static_cast<size_t>(room)});
    updatePair(md4_, sha256_, data, slice);
    sha1_.update(data, slice);
    data += slice;
    size -= slice;
    partFilled_ += slice;
    blockFilled_ += slice;
    if (blockFilled_ == kBlockSize) endBlock();
    if (partFilled_ == kPartSize) endPart();
  }
}

void FileHasher::endBlock() {
  aichTree_.addBlock(sha1_.finish());
  blockFilled_ = 0;
}

void FileHasher::endPart() {
  if (blockFilled_ > 0) endBlock();
  aichTree_.endPart();
  uint8_t digest[kSha256Size];
  md4_.finish(digest);
  hashes_.partHashes.insert(hashes_.partHashes.end(), digest, digest + kMd4Size);
  sha256_.finish(digest);
  hashes_.sha256.insert(hashes_.sha256.end(), digest, digest + kSha256Size);
  partFilled_ = 0;
}

FileHashes FileHasher::finish() {
  if (hashes_.size == 0) {
    hashes_.aichRoot = sha1_.finish();
    md4_.finish(hashes_.fileHash.data());
  } else {
    if (partFilled_ > 0) endPart();
    hashes_.aichRoot = aichTree_.finish();
    auto& partHashes = hashes_.partHashes;
    if (hashes_.size < kPartSize) {
      std::copy(partHashes.begin(), partHashes.end(), hashes_.fileHash.begin());
      partHashes.clear();
    } else {
      if (hashes_.size % kPartSize == 0) {
        partHashes.resize(partHashes.size() + kMd4Size);
        md4(nullptr, 0, partHashes.data() + partHashes.size() - kMd4Size);
      }
      md4(partHashes.data(), partHashes.size(), hashes_.fileHash.data());
    }
  }
  FileHashes finished = std::move(hashes_);
  hashes_ = FileHashes{};
  return finished;
}

void PartHasher::update(const uint8_t* data, size_t size) {
  updatePair(md4_, sha256_, data, size);
}

PartHashes PartHasher::finish() {
  PartHashes hashes;
  md4_.finish(hashes.md4.data());
  sha256_.finish(hashes.sha256.data());
  return hashes;
}

}  // namespace muleplex
