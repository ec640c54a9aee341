// SPDX-License-Identifier: GPL-2.0-or-later
// Any bytes as a request for leaves or as an answer: what is read of them is written as the same
// bytes again, and leaves that were not made from the file do not lead to its root.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "aich_leaves.h"
#include "check.h"
#include "ed2k_layout.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace muleplex;
  if (size < 1) return 0;
  const uint8_t choice = data[0];
  ++data;
  --size;
  const std::vector<uint8_t> bytes(data, data + size);
  if (const auto request = decodeLeavesRequest(data, size)) {
    MULEPLEX_CHECK(encodeLeavesRequest(*request) == bytes);
  }
  const auto answer = decodeLeavesAnswer(data, size);
  if (!answer) return 0;
  MULEPLEX_CHECK(encodeLeavesAnswer(*answer) == bytes);

  // A file of up to 16 parts with such blocks, as far as there are some.
  const uint64_t fileSize = 1 + (choice & 15) * kPartSize + (choice >> 4) * kBlockSize;
  AichFile file(fileSize);
  for (uint32_t part = 0; !file.isWhole(); ++part) {
    const uint64_t partSize =
        part < (choice & 15u) ? kPartSize : fileSize - (choice & 15) * kPartSize;
    std::vector<Sha1Digest> blocks((partSize + kBlockSize - 1) / kBlockSize);
    for (size_t i = 0; i < blocks.size(); ++i) blocks[i][0] = static_cast<uint8_t>(i + part);
    file.setPart(part, blocks);
  }
  const Sha1Digest root = file.root();
  const uint32_t part = answer->part % ((choice & 15) + 1);
  const AichLeaves right = file.leavesOf(part);
  MULEPLEX_CHECK(areAichLeaves(right, fileSize, part, root));
  const bool isSame =
      right.blocks == answer->leaves.blocks && right.path == answer->leaves.path;
  MULEPLEX_CHECK(areAichLeaves(answer->leaves, fileSize, part, root) == isSame);
  return 0;
}
