// SPDX-License-Identifier: GPL-2.0-or-later
#include "md4.h"

#include "md4_step.h"

namespace muleplex {
namespace {

void compressBlock(uint32_t state[4], const uint8_t* data) {
  uint32_t words[16];
  loadMd4Words(words, data);
  uint32_t next[4] = {state[0], state[1], state[2], state[3]};
#pragma GCC unroll 48
  for (size_t t = 0; t < kMd4Steps; ++t) md4Step(next, words, t);
  for (size_t w = 0; w < 4; ++w) state[w] += next[w];
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
