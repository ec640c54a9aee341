// SPDX-License-Identifier: GPL-2.0-or-later
#include "file_hasher.h"

#include "ed2k_layout.h"
#include "test.h"

namespace muleplex {
namespace {

using test::Bytes;
using test::testBytes;
using test::toHex;

FileHashes hashOf(const Bytes& data, size_t step) {
  FileHasher hasher;
  for (size_t start = 0; start < data.size(); start += step) {
    hasher.update(data.data() + start, std::min(step, data.size() - start));
  }
  return hasher.finish();
}

struct Expected {
  uint64_t size;
  const char* fileHash;
  const char* aichRoot;
  size_t partHashCount;
};

// Made with rhash 1.4.3 --ed2k --aich over that many zero bytes.
constexpr Expected kZeros[] = {
#include "zero_file_hashes.inc"
};

TEST("file hash, AICH root and hash counts are those of other programs") {
  for (const Expected& expected : kZeros) {
    const FileHashes hashes = hashOf(Bytes(expected.size), 1 << 20);
    EXPECT(hashes.size == expected.size);
    EXPECT(toHex(hashes.fileHash.data(), kMd4Size) == expected.fileHash);
    EXPECT(toHex(hashes.aichRoot.data(), kSha1Size) == expected.aichRoot);
    EXPECT(hashes.partHashes.size() == expected.partHashCount * kMd4Size);
    EXPECT(hashes.sha256.size() == (expected.size + kPartSize - 1) / kPartSize * kSha256Size);
  }
}

TEST("hashes of parts are over the parts alone") {
  const Bytes data = testBytes(2 * kPartSize + 5);
  const FileHashes hashes = hashOf(data, 1 << 20);
  PartHasher part;
  part.update(data.data() + kPartSize, kPartSize);
  const PartHashes second = part.finish();
  EXPECT(std::equal(second.md4.begin(), second.md4.end(), hashes.partHashes.begin() + kMd4Size));
  EXPECT(
      std::equal(second.sha256.begin(), second.sha256.end(), hashes.sha256.begin() + kSha256Size));
}

TEST("hashes do not depend on the sizes of the updates, and a hasher starts again") {
  const Bytes data = testBytes(kPartSize + kBlockSize + 17);
  const FileHashes expected = hashOf(data, data.size());
  for (const size_t step : {size_t{4093}, size_t{kBlockSize}, size_t{3 * kBlockSize + 1},
                            size_t{kPartSize}}) {
    const FileHashes hashes = hashOf(data, step);
    EXPECT(hashes.fileHash == expected.fileHash && hashes.aichRoot == expected.aichRoot);
    EXPECT(hashes.sha256 == expected.sha256 && hashes.partHashes == expected.partHashes);
  }
  FileHasher hasher;
  hasher.update(data.data(), 12345);
  hasher.finish();
  hasher.update(data.data(), data.size());
  EXPECT(hasher.finish().fileHash == expected.fileHash);
}

}  // namespace
}  // namespace muleplex
