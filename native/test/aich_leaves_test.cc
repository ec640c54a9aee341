// SPDX-License-Identifier: GPL-2.0-or-later
#include "aich_leaves.h"

#include <algorithm>
#include <vector>

#include "aich_hasher.h"
#include "aich_tree.h"
#include "ed2k_layout.h"
#include "test.h"

namespace muleplex {
namespace {

using test::Bytes;

constexpr size_t kPartBlocks = (kPartSize + kBlockSize - 1) / kBlockSize;

/// Leaves of a file need not be hashes of anything.
Sha1Digest leafOf(size_t part, size_t block) {
  Sha1 sha1;
  const size_t name[] = {part, block};
  sha1.update(reinterpret_cast<const uint8_t*>(name), sizeof name);
  return sha1.finish();
}

/// A file of whole parts and some blocks, and its root as the tree of the packs has it.
struct TestFile {
  TestFile(size_t partCount, size_t lastBlocks)
      : size((partCount - 1) * kPartSize + lastBlocks * kBlockSize - 1), file(size) {
    AichTree tree;
    for (size_t part = 0; part < partCount; ++part) {
      std::vector<Sha1Digest> blocks;
      for (size_t i = 0; i < (part + 1 < partCount ? kPartBlocks : lastBlocks); ++i) {
        blocks.push_back(leafOf(part, i));
        tree.addBlock(blocks.back());
      }
      tree.endPart();
      file.setPart(static_cast<uint32_t>(part), blocks);
    }
    root = tree.finish();
  }

  uint64_t size;
  AichFile file;
  Sha1Digest root;
};

TEST("the leaves of every part lead to the root of the file, whatever its form") {
  for (const size_t partCount : {1, 2, 3, 4, 5, 7, 8, 9, 31, 111}) {
    for (const size_t lastBlocks : {1, 2, 52}) {
      const TestFile test(partCount, lastBlocks);
      EXPECT(test.file.isWhole() && test.file.root() == test.root);
      for (uint32_t part = 0; part < partCount; ++part) {
        const AichLeaves leaves = test.file.leavesOf(part);
        EXPECT(areAichLeaves(leaves, test.size, part, test.root));
        EXPECT(!areAichLeaves(leaves, test.size, part + 1, test.root));
      }
    }
  }
}

TEST("leaves with any other hash, or one more or less, do not lead to the root") {
  const TestFile test(5, 7);
  for (const uint32_t part : {0u, 2u, 4u}) {
    const AichLeaves leaves = test.file.leavesOf(part);
    const auto refused = [&test, part](const AichLeaves& changed) {
      return !areAichLeaves(changed, test.size, part, test.root);
    };
    for (size_t i = 0; i < leaves.blocks.size(); ++i) {
      AichLeaves changed = leaves;
      changed.blocks[i][19] ^= 1;
      EXPECT(refused(changed));
    }
    for (size_t i = 0; i < leaves.path.size(); ++i) {
      AichLeaves changed = leaves;
      changed.path[i][0] ^= 0x80;
      EXPECT(refused(changed));
    }
    AichLeaves fewer = leaves, more = leaves, shorter = leaves, longer = leaves;
    fewer.blocks.pop_back();
    more.blocks.push_back(more.blocks[0]);
    shorter.path.pop_back();
    longer.path.push_back(longer.path[0]);
    EXPECT(refused(fewer) && refused(more) && refused(shorter) && refused(longer));
    EXPECT(refused(AichLeaves()));
  }
}

TEST("a node cannot be passed off as a leaf") {
  // With one block a part is its leaf: the node above it must not do for a part of two.
  const TestFile test(1, 2);
  AichLeaves leaves;
  leaves.blocks = {test.root};
  EXPECT(!areAichLeaves(leaves, test.size, 0, test.root));
  EXPECT(areAichLeaves(leaves, kBlockSize, 0, test.root));
}

TEST("blocks are hashed as those of packs are") {
  Bytes part(kPartSize);
  for (size_t i = 0; i < part.size(); ++i) part[i] = static_cast<uint8_t>(i * 2654435761u >> 13);
  AichHasher hasher;
  hasher.update(part.data(), part.size());
  AichFile file(kPartSize);
  EXPECT(!file.isWhole());
  file.setPart(0, hashAichBlocks(part.data(), part.size()));
  EXPECT(file.isWhole() && file.root() == hasher.finish());
}

TEST("requests and answers are read as they were written") {
  const TestFile test(9, 3);
  const AichLeavesRequest request{{1, 2, 3}, {0, 258, 28'256}};
  const Bytes asked = encodeLeavesRequest(request);
  EXPECT(test::toHex(asked.data(), asked.size()) ==
         "01020300000000000000000000000000" "00000000" "02010000" "606e0000");
  const auto read = decodeLeavesRequest(asked.data(), asked.size());
  EXPECT(read && read->fileHash == request.fileHash && read->parts == request.parts);

  const AichLeavesAnswer answer{{7}, 8, test.file.leavesOf(8)};
  const Bytes given = encodeLeavesAnswer(answer);
  EXPECT(test::toHex(given.data(), 22) == "07000000000000000000000000000000" "08000000" "0303");
  const auto taken = decodeLeavesAnswer(given.data(), given.size());
  EXPECT(taken && taken->part == 8 && areAichLeaves(taken->leaves, test.size, 8, test.root));
  const Bytes none = encodeLeavesAnswer({{7}, 8, {}});
  const auto nothing = decodeLeavesAnswer(none.data(), none.size());
  EXPECT(nothing && nothing->leaves.blocks.empty() && nothing->leaves.path.empty());
}

TEST("requests and answers of any other length are refused") {
  const TestFile test(9, 3);
  const Bytes asked = encodeLeavesRequest({{1}, {1, 2}});
  for (size_t size = 0; size < asked.size(); ++size) {
    EXPECT(decodeLeavesRequest(asked.data(), size).has_value() == (size == 20));
  }
  const Bytes many(16 + 65 * 4, 0);
  EXPECT(!decodeLeavesRequest(many.data(), many.size()));
  const Bytes beyond = test::fromHex("00000000000000000000000000000000616e0000");
  EXPECT(!decodeLeavesRequest(beyond.data(), beyond.size()));

  Bytes given = encodeLeavesAnswer({{1}, 3, test.file.leavesOf(3)});
  given.push_back(0);
  for (size_t size = 0; size <= given.size(); ++size) {
    EXPECT(decodeLeavesAnswer(given.data(), size).has_value() == (size + 1 == given.size()));
  }
  const Bytes pathOnly = test::fromHex("000000000000000000000000000000000000000000" "01" +
                                       std::string(40, '0'));
  EXPECT(!decodeLeavesAnswer(pathOnly.data(), pathOnly.size()));
}

}  // namespace
}  // namespace muleplex
