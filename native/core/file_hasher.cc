// SPDX-License-Identifier: GPL-2.0-or-later
#include "file_hasher.h"

#include <algorithm>
#include <cstring>

#include "ed2k_layout.h"
#include "hash_pair.h"
#include "lane_hash.h"

namespace muleplex {
namespace {

constexpr size_t kHeldSizeMax = kHeldPartsMax * kPartSize;

uint8_t* grow(std::vector<uint8_t>& bytes, size_t size) {
  bytes.resize(bytes.size() + size);
  return bytes.data() + bytes.size() - size;
}

}  // namespace

void FileHasher::update(const uint8_t* data, size_t size) {
  hashes_.size += size;
  while (size > 0) {
    const size_t taken = std::min(size, kHeldSizeMax - heldSize_);
    std::memcpy(buffer_.data() + heldSize_, data, taken);
    heldSize_ += taken;
    data += taken;
    size -= taken;
    if (heldSize_ == kHeldSizeMax) hashHeld();
  }
}

/// Hashes the whole parts that are held, then what is left.
void FileHasher::hashHeld() {
  const size_t partCount = heldSize_ / kPartSize;
  const uint8_t* parts[kHeldPartsMax];
  for (size_t part = 0; part < partCount; ++part) parts[part] = buffer_.data() + part * kPartSize;
  md4Lanes(parts, partCount, kPartSize, grow(hashes_.partHashes, partCount * kMd4Size));
  sha256Lanes(parts, partCount, kPartSize, grow(hashes_.sha256, partCount * kSha256Size));
  aichTree_.addParts(parts, partCount);
  if (heldSize_ % kPartSize != 0) hashLast();
  heldSize_ = 0;
}

/// The part that is not whole, which only the last of a file is.
void FileHasher::hashLast() {
  const size_t size = heldSize_ % kPartSize;
  const uint8_t* data = buffer_.data() + heldSize_ - size;
  PartHasher hasher;
  hasher.update(data, size);
  const PartHashes hashes = hasher.finish();
  std::copy(hashes.md4.begin(), hashes.md4.end(), grow(hashes_.partHashes, kMd4Size));
  std::copy(hashes.sha256.begin(), hashes.sha256.end(), grow(hashes_.sha256, kSha256Size));
  for (const Sha1Digest& block : hashAichBlocks(data, size)) aichTree_.addBlock(block);
  aichTree_.endPart();
}

FileHashes FileHasher::finish() {
  if (hashes_.size == 0) {
    hashes_.aichRoot = Sha1().finish();
    md4(nullptr, 0, hashes_.fileHash.data());
  } else {
    if (heldSize_ > 0) hashHeld();
    buffer_.release();
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
