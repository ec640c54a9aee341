// SPDX-License-Identifier: GPL-2.0-or-later
// The root of an AICH tree: SHA-1 over blocks, over parts, to one hash. A node of n leaves has
// ceil(n / 2) of them on the left when it is itself a left child (or the root), else floor(n / 2);
// its hash is SHA-1(left || right). Parts are leaves of the upper tree, blocks of the lower one.
#ifndef MULEPLEX_CORE_AICH_TREE_H_
#define MULEPLEX_CORE_AICH_TREE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "crypto.h"

namespace muleplex {

/// Of the leaves below a node, how many are on the left.
inline size_t aichLeftCount(size_t count, bool isLeft) { return (isLeft ? count + 1 : count) / 2; }

/// The node above two.
Sha1Digest joinAichNodes(const Sha1Digest& left, const Sha1Digest& right);

/// The node over the blocks of one part, at least one.
Sha1Digest aichRootOf(const Sha1Digest* blocks, size_t count, bool isLeft);

/// SHA-1 of each block of a part, or of the end of a file.
std::vector<Sha1Digest> hashAichBlocks(const uint8_t* part, size_t size);

/// Collects block hashes in file order. Memory is 40 bytes a part: a part's shape depends on the
/// side it hangs on, which only the file's size tells, so both roots are kept.
class AichTree {
 public:
  void addBlock(const Sha1Digest& hash);
  /// Ends a part of at least one block.
  void endPart();
  /// Root over all parts, of which there is at least one; the object is then as new.
  Sha1Digest finish();

 private:
  struct PartRoots {
    Sha1Digest asRight;
    Sha1Digest asLeft;
  };

  Sha1Digest partRoot(size_t begin, size_t end, bool isLeft) const;

  std::vector<Sha1Digest> blocks_;
  std::vector<PartRoots> parts_;
};

}  // namespace muleplex

#endif  // MULEPLEX_CORE_AICH_TREE_H_
