// SPDX-License-Identifier: GPL-2.0-or-later
// Integers of the wire and of frames, least byte first.
#ifndef MULEPLEX_CORE_LITTLE_ENDIAN_H_
#define MULEPLEX_CORE_LITTLE_ENDIAN_H_

#include <cstdint>
#include <vector>

namespace muleplex {

inline uint32_t u32At(const uint8_t* bytes) {
  return uint32_t{bytes[0]} | uint32_t{bytes[1]} << 8 | uint32_t{bytes[2]} << 16 |
         uint32_t{bytes[3]} << 24;
}

inline void appendU32(std::vector<uint8_t>& out, uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<uint8_t>(value >> shift));
}

}  // namespace muleplex

#endif  // MULEPLEX_CORE_LITTLE_ENDIAN_H_
