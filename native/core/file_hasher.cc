// SPDX-License-Identifier: GPL-2.0-or-later
#include "file_hasher.h"

#include <algorithm>
#include <utility>

#include "ed2k_layout.h"
#include "hash_pair.h"

namespace muleplex {
namespace {

template <size_t kSize>
void append(std::vector<uint8_t>& hashes, const std::array<uint8_t, kSize>& hash) {
  hashes.insert(hashes.end(), hash.begin(), hash.end());
}

}  // namespace

void FileHasher::update(const uint8_t* data, size_t size) {
  hashes_.size += size;
  aich_.update(data, size);
  while (size > 0) {
    const size_t taken = std::min<uint64_t>(size, kPartSize - partSize_);
    part_.update(data, taken);
    partSize_ += taken;
    if (partSize_ == kPartSize) endPart();
    data += taken;
    size -= taken;
  }
}

void FileHasher::endPart() {
  const PartHashes hashes = part_.finish();
  append(hashes_.partHashes, hashes.md4);
  append(hashes_.sha256, hashes.sha256);
  partSize_ = 0;
}

FileHashes FileHasher::finish() {
  auto& partHashes = hashes_.partHashes;
  if (hashes_.size == 0) {
    hashes_.aichRoot = Sha1().finish();
    md4(nullptr, 0, hashes_.fileHash.data());
  } else {
    if (partSize_ > 0) endPart();
    hashes_.aichRoot = aich_.finish();
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
