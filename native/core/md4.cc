// SPDX-License-Identifier: GPL-2.0-or-later
#include "md4.h"

#include <bit>
#include <cstring>
#include <initializer_list>

namespace muleplex {
namespace {

uint32_t loadLittleEndian(const uint8_t* p) {
  uint32_t value;
  std::memcpy(&value, p, sizeof value);
  if constexpr (std::endian::native == std::endian::big) value = __builtin_bswap32(value);
  return value;
}

// One step of each round. The words that do not depend on the step before (`b`) are combined first:
// MD4 is bound by the latency of that chain. `+` stands for `|` where the bits are disjoint.
inline void round1(uint32_t& a, uint32_t b, uint32_t c, uint32_t d, uint32_t x, int shift) {
  a = std::rotl((a + x) + (d ^ (b & (c ^ d))), shift);
}
inline void round2(uint32_t& a, uint32_t b, uint32_t c, uint32_t d, uint32_t x, int shift) {
  a = std::rotl((a + x + 0x5a827999u + (c & d)) + (b & (c ^ d)), shift);
}
inline void round3(uint32_t& a, uint32_t b, uint32_t c, uint32_t d, uint32_t x, int shift) {
  a = std::rotl((a + x + 0x6ed9eba1u) + (b ^ (c ^ d)), shift);
}

void compressBlock(uint32_t state[4], const uint8_t* data) {
  uint32_t x[16];
  for (size_t i = 0; i < 16; ++i) x[i] = loadLittleEndian(data + 4 * i);
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
  for (size_t i = 0; i < 16; i += 4) {
    round1(a, b, c, d, x[i], 3);
    round1(d, a, b, c, x[i + 1], 7);
    round1(c, d, a, b, x[i + 2], 11);
    round1(b, c, d, a, x[i + 3], 19);
  }
  for (size_t i = 0; i < 4; ++i) {
    round2(a, b, c, d, x[i], 3);
    round2(d, a, b, c, x[i + 4], 5);
    round2(c, d, a, b, x[i + 8], 9);
    round2(b, c, d, a, x[i + 12], 13);
  }
  for (const size_t i : {0, 2, 1, 3}) {
    round3(a, b, c, d, x[i], 3);
    round3(d, a, b, c, x[i + 8], 9);
    round3(c, d, a, b, x[i + 4], 11);
    round3(b, c, d, a, x[i + 12], 15);
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
}

}  // namespace

void Md4::reset() {
  state_[0] = 0x67452301u;
  state_[1] = 0xefcdab89u;
  state_[2] = 0x98badcfeu;
  state_[3] = 0x10325476u;
}

void Md4::compress(const uint8_t* data, size_t blockCount) {
  for (; blockCount > 0; --blockCount, data += 64) compressBlock(state_, data);
}

void Md4::finish(uint8_t out[kMd4Size]) {
  buffer_.finish(*this);
  for (size_t i = 0; i < kMd4Size; ++i) {
    out[i] = static_cast<uint8_t>(state_[i / 4] >> (8 * (i % 4)));
  }
  reset();
}

void md4(const uint8_t* data, size_t size, uint8_t out[kMd4Size]) {
  Md4 hash;
  hash.update(data, size);
  hash.finish(out);
}

}  // namespace muleplex
