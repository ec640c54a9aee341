// SPDX-License-Identifier: GPL-2.0-or-later
// SHA-256 compression in plain C++ (FIPS 180-4, 6.2.2), for every processor.
#include <bit>

#include "sha256_compress.h"

namespace muleplex {

alignas(16) const uint32_t kSha256RoundConstants[64] = {
    0x428a2f98u, 0x71374491u, 0xb5c0fbcfu, 0xe9b5dba5u, 0x3956c25bu, 0x59f111f1u, 0x923f82a4u,
    0xab1c5ed5u, 0xd807aa98u, 0x12835b01u, 0x243185beu, 0x550c7dc3u, 0x72be5d74u, 0x80deb1feu,
    0x9bdc06a7u, 0xc19bf174u, 0xe49b69c1u, 0xefbe4786u, 0x0fc19dc6u, 0x240ca1ccu, 0x2de92c6fu,
    0x4a7484aau, 0x5cb0a9dcu, 0x76f988dau, 0x983e5152u, 0xa831c66du, 0xb00327c8u, 0xbf597fc7u,
    0xc6e00bf3u, 0xd5a79147u, 0x06ca6351u, 0x14292967u, 0x27b70a85u, 0x2e1b2138u, 0x4d2c6dfcu,
    0x53380d13u, 0x650a7354u, 0x766a0abbu, 0x81c2c92eu, 0x92722c85u, 0xa2bfe8a1u, 0xa81a664bu,
    0xc24b8b70u, 0xc76c51a3u, 0xd192e819u, 0xd6990624u, 0xf40e3585u, 0x106aa070u, 0x19a4c116u,
    0x1e376c08u, 0x2748774cu, 0x34b0bcb5u, 0x391c0cb3u, 0x4ed8aa4au, 0x5b9cca4fu, 0x682e6ff3u,
    0x748f82eeu, 0x78a5636fu, 0x84c87814u, 0x8cc70208u, 0x90befffau, 0xa4506cebu, 0xbef9a3f7u,
    0xc67178f2u};

namespace {

uint32_t loadBigEndian(const uint8_t* p) {
  return uint32_t{p[0]} << 24 | uint32_t{p[1]} << 16 | uint32_t{p[2]} << 8 | uint32_t{p[3]};
}

/// One round; what the next calls a is in h then, and what it calls e in d.
inline void doRound(uint32_t a, uint32_t b, uint32_t c, uint32_t& d, uint32_t e, uint32_t f,
                    uint32_t g, uint32_t& h, uint32_t word) {
  const uint32_t sum1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
  const uint32_t choice = g ^ (e & (f ^ g));
  const uint32_t sum0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
  const uint32_t majority = (a & b) | (c & (a | b));
  h += sum1 + choice + word;
  d += h;
  h += sum0 + majority;
}

/// Turns a word of the message schedule into the one sixteen rounds later.
inline uint32_t advance(uint32_t w[16], size_t i) {
  const uint32_t x = w[(i + 1) % 16], y = w[(i + 14) % 16];
  const uint32_t sigma0 = std::rotr(x, 7) ^ std::rotr(x, 18) ^ (x >> 3);
  const uint32_t sigma1 = std::rotr(y, 17) ^ std::rotr(y, 19) ^ (y >> 10);
  return w[i] += sigma0 + w[(i + 9) % 16] + sigma1;
}

void compressBlock(uint32_t state[8], const uint8_t* data) {
  uint32_t w[16];
  for (size_t i = 0; i < 16; ++i) w[i] = loadBigEndian(data + 4 * i);
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
  uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
  for (size_t first = 0; first < 64; first += 16) {
    const uint32_t* k = kSha256RoundConstants + first;
    const auto word = [&](size_t i) { return (first == 0 ? w[i] : advance(w, i)) + k[i]; };
    // After eight of them each variable has its own name again.
    doRound(a, b, c, d, e, f, g, h, word(0));
    doRound(h, a, b, c, d, e, f, g, word(1));
    doRound(g, h, a, b, c, d, e, f, word(2));
    doRound(f, g, h, a, b, c, d, e, word(3));
    doRound(e, f, g, h, a, b, c, d, word(4));
    doRound(d, e, f, g, h, a, b, c, word(5));
    doRound(c, d, e, f, g, h, a, b, word(6));
    doRound(b, c, d, e, f, g, h, a, word(7));
    doRound(a, b, c, d, e, f, g, h, word(8));
    doRound(h, a, b, c, d, e, f, g, word(9));
    doRound(g, h, a, b, c, d, e, f, word(10));
    doRound(f, g, h, a, b, c, d, e, word(11));
    doRound(e, f, g, h, a, b, c, d, word(12));
    doRound(d, e, f, g, h, a, b, c, word(13));
    doRound(c, d, e, f, g, h, a, b, word(14));
    doRound(b, c, d, e, f, g, h, a, word(15));
  }
  const uint32_t result[8] = {a, b, c, d, e, f, g, h};
  for (size_t i = 0; i < 8; ++i) state[i] += result[i];
}

}  // namespace

void sha256CompressPortable(uint32_t state[8], const uint8_t* data, size_t blockCount) {
  for (; blockCount > 0; --blockCount, data += 64) compressBlock(state, data);
}

}  // namespace muleplex
