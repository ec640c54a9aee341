// SPDX-License-Identifier: GPL-2.0-or-later
// The leaves of one part of an AICH tree, and the nodes beside its way up to the root: enough to
// check single blocks of the part against the root, which is all that a site knows at first. Pure:
// what is checked is not kept anywhere.
//
//   request  fileHash[16] partIndex:u32 *      for 1 to 64 parts
//   answer   fileHash[16] partIndex:u32 leafCount:u8 nodeCount:u8 leaves[20 * leafCount]
//            nodes[20 * nodeCount]              nodes from the part up; both counts 0 for no leaves
//
// Integers are little-endian.
#ifndef MULEPLEX_CORE_AICH_LEAVES_H_
#define MULEPLEX_CORE_AICH_LEAVES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "aich_tree.h"
#include "crypto.h"

namespace muleplex {

inline constexpr size_t kLeafRequestPartsMax = 64;

struct AichLeaves {
  /// Of the part's blocks, in file order.
  std::vector<Sha1Digest> blocks;
  /// From the part's own sibling to a child of the root.
  std::vector<Sha1Digest> path;
};

struct AichLeavesRequest {
  std::array<uint8_t, 16> fileHash;
  std::vector<uint32_t> parts;
};

struct AichLeavesAnswer {
  std::array<uint8_t, 16> fileHash;
  uint32_t part = 0;
  AichLeaves leaves;
};

/// True if the leaves are those of the part in a file of that size and root.
bool areAichLeaves(const AichLeaves& leaves, uint64_t fileSize, uint32_t part,
                   const Sha1Digest& root);

std::vector<uint8_t> encodeLeavesRequest(const AichLeavesRequest& request);
std::vector<uint8_t> encodeLeavesAnswer(const AichLeavesAnswer& answer);
/// Nothing if the bytes are no request or answer.
std::optional<AichLeavesRequest> decodeLeavesRequest(const uint8_t* data, size_t size);
std::optional<AichLeavesAnswer> decodeLeavesAnswer(const uint8_t* data, size_t size);

/// All leaves of a file: 20 bytes for each block and part.
class AichFile {
 public:
  explicit AichFile(uint64_t fileSize);

  /// The hashes of the blocks of each part are put in once, in any order.
  void setPart(uint32_t part, const std::vector<Sha1Digest>& blocks);
  bool isWhole() const { return missing_ == 0; }
  size_t byteCount() const;

  // Of a whole one.
  Sha1Digest root() const;
  AichLeaves leavesOf(uint32_t part) const;

 private:
  Sha1Digest nodeOf(size_t begin, size_t end, bool isLeft) const;

  uint64_t fileSize_;
  std::vector<Sha1Digest> blocks_;
  std::vector<Sha1Digest> parts_;
  size_t missing_;
};

}  // namespace muleplex

#endif  // MULEPLEX_CORE_AICH_LEAVES_H_
