// SPDX-License-Identifier: GPL-2.0-or-later
// The AICH root of a file whose bytes come in order. Nothing is held: the whole blocks of one call
// are hashed several at once where they lie, what is at its ends as a stream.
#ifndef MULEPLEX_CORE_AICH_HASHER_H_
#define MULEPLEX_CORE_AICH_HASHER_H_

#include <cstddef>
#include <cstdint>

#include "aich_tree.h"
#include "crypto.h"

namespace muleplex {

class AichHasher {
 public:
  void update(const uint8_t* data, size_t size);
  /// Root over all bytes, of which there is at least one; the object is then as new.
  Sha1Digest finish();

 private:
  AichTree tree_;
  /// Of the part that has begun.
  uint64_t partSize_ = 0;
  /// The block in which the bytes so far end.
  Sha1 block_;
};

}  // namespace muleplex

#endif  // MULEPLEX_CORE_AICH_HASHER_H_
