// SPDX-License-Identifier: GPL-2.0-or-later
// MD4, SHA-1 and SHA-256 of several messages of one length at once. One message is bound by the
// latency of its own chain of instructions; lanes of a vector, or two messages in turn, hide it.
#ifndef MULEPLEX_CORE_LANE_HASH_H_
#define MULEPLEX_CORE_LANE_HASH_H_

#include <cstddef>
#include <cstdint>

namespace muleplex {

/// Digests of `count` messages of `size` bytes each, one after the other: 16, 20 and 32 bytes.
void md4Lanes(const uint8_t* const* messages, size_t count, size_t size, uint8_t* digests);
void sha1Lanes(const uint8_t* const* messages, size_t count, size_t size, uint8_t* digests);
void sha256Lanes(const uint8_t* const* messages, size_t count, size_t size, uint8_t* digests);

}  // namespace muleplex

#endif  // MULEPLEX_CORE_LANE_HASH_H_
