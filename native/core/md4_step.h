// SPDX-License-Identifier: GPL-2.0-or-later
// One step of MD4 (RFC 1320, 3.4), for the kernels that hash one message.
#ifndef MULEPLEX_CORE_MD4_STEP_H_
#define MULEPLEX_CORE_MD4_STEP_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace muleplex {

inline constexpr size_t kMd4Steps = 48;
inline constexpr uint8_t kMd4WordOf[kMd4Steps] = {
    0, 1, 2, 3,  4, 5,  6, 7,  8, 9, 10, 11, 12, 13, 14, 15,  //
    0, 4, 8, 12, 1, 5,  9, 13, 2, 6, 10, 14, 3,  7,  11, 15,  //
    0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5,  13, 3,  11, 7,  15};
inline constexpr int kMd4ShiftOf[3][4] = {{3, 7, 11, 19}, {3, 5, 9, 13}, {3, 9, 11, 15}};

/// The words of a block, as this processor has them.
inline void loadMd4Words(uint32_t words[16], const uint8_t* block) {
  std::memcpy(words, block, 64);
  if constexpr (std::endian::native == std::endian::big) {
    for (size_t i = 0; i < 16; ++i) words[i] = __builtin_bswap32(words[i]);
  }
}

/// Step `t` on the state, to be unrolled: its words stay where they are and change their names.
/// What does not depend on the step before (`b`) is combined first, for MD4 is bound by the latency
/// of that chain. `+` stands for `|` where the bits are disjoint.
__attribute__((always_inline)) inline void md4Step(uint32_t state[4], const uint32_t words[16],
                                                   size_t t) {
  uint32_t& a = state[(kMd4Steps - t) & 3];
  const uint32_t b = state[(kMd4Steps + 1 - t) & 3];
  const uint32_t c = state[(kMd4Steps + 2 - t) & 3];
  const uint32_t d = state[(kMd4Steps + 3 - t) & 3];
  a += words[kMd4WordOf[t]];
  if (t < 16) {
    a += d ^ (b & (c ^ d));
  } else if (t < 32) {
    a = (a + 0x5a827999u + (c & d)) + (b & (c ^ d));
  } else {
    a = (a + 0x6ed9eba1u) + (b ^ (c ^ d));
  }
  a = std::rotl(a, kMd4ShiftOf[t / 16][t % 4]);
}

}  // namespace muleplex

#endif  // MULEPLEX_CORE_MD4_STEP_H_
