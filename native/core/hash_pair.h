// SPDX-License-Identifier: GPL-2.0-or-later
// MD4 and SHA-256 of the same bytes. Each is bound by the latency of its own chain of instructions,
// so a processor that sees both chains at once needs little longer for the two than for one.
#ifndef MULEPLEX_CORE_HASH_PAIR_H_
#define MULEPLEX_CORE_HASH_PAIR_H_

#include <cstddef>
#include <cstdint>

#include "md4.h"
#include "sha256.h"

namespace muleplex {

/// Updates both hashes with the same bytes. They must have had equally many so far.
void updatePair(Md4& md4, Sha256& sha256, const uint8_t* data, size_t size);

}  // namespace muleplex

#endif  // MULEPLEX_CORE_HASH_PAIR_H_
