// SPDX-License-Identifier: GPL-2.0-or-later
// Every hash that a pack's descriptor names, from one pass over its bytes.
#ifndef MULEPLEX_CORE_FILE_HASHER_H_
#define MULEPLEX_CORE_FILE_HASHER_H_

#include <array>
#include <cstdint>
#include <vector>

#include "aich_hasher.h"
#include "ed2k_layout.h"
#include "md4.h"
#include "sha256.h"

namespace muleplex {

struct FileHashes {
  uint64_t size = 0;
  /// MD4 over the part hashes; below one part, the MD4 of the bytes themselves.
  std::array<uint8_t, kMd4Size> fileHash;
  /// 16 bytes each. Empty below one part; else one per part, and when the size is an exact multiple
  /// of the part size one more, of no bytes (their number, size / part size + 1, is the hash count
  /// of eD2k).
  std::vector<uint8_t> partHashes;
  Sha1Digest aichRoot;
  /// 32 bytes for each of the ceil(size / part size) parts.
  std::vector<uint8_t> sha256;
};

/// Both hashes that a part must match: MD4 for the network, SHA-256 for its content.
struct PartHashes {
  std::array<uint8_t, kMd4Size> md4;
  std::array<uint8_t, kSha256Size> sha256;
};

/// Streaming hash of one part (or any range); after finish() as new. Two parts side by side would
/// gain nothing, and the first would have to be held.
class PartHasher {
 public:
  void update(const uint8_t* data, size_t size);
  PartHashes finish();

 private:
  Md4 md4_;
  Sha256 sha256_;
};

/// Streaming; after finish() as new.
class FileHasher {
 public:
  /// Throws std::bad_alloc.
  void update(const uint8_t* data, size_t size);
  FileHashes finish();

 private:
  void endPart();

  AichHasher aich_;
  PartHasher part_;
  /// Bytes in it.
  uint64_t partSize_ = 0;
  FileHashes hashes_;
};

}  // namespace muleplex

#endif  // MULEPLEX_CORE_FILE_HASHER_H_
