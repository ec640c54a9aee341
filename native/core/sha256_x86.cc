// SPDX-License-Identifier: GPL-2.0-or-later
// SHA-256 compression with the SHA instructions of x86-64. The instructions keep the state as the
// two vectors ABEF and CDGH and do two rounds each (Intel SDM, SHA256RNDS2, SHA256MSG1,
// SHA256MSG2).
#include "sha256_compress.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

#include <algorithm>
#include <iterator>

#include "md4_step.h"

#define MULEPLEX_TARGET_SHA __attribute__((target("sha,ssse3,sse4.1")))

namespace muleplex {
namespace {

// Four rounds with the message words w (16 bytes, lane 0 first).
MULEPLEX_TARGET_SHA inline void fourRounds(__m128i& abef, __m128i& cdgh, __m128i w, size_t round) {
  const __m128i k = _mm_load_si128(reinterpret_cast<const __m128i*>(kSha256RoundConstants + round));
  __m128i wk = _mm_add_epi32(w, k);
  cdgh = _mm_sha256rnds2_epu32(cdgh, abef, wk);
  wk = _mm_shuffle_epi32(wk, 0x0e);
  abef = _mm_sha256rnds2_epu32(abef, cdgh, wk);
}

// Message words i+16..i+19 from the sixteen before them, held as w0 (oldest) to w3.
MULEPLEX_TARGET_SHA inline __m128i nextWords(__m128i w0, __m128i w1, __m128i w2, __m128i w3) {
  const __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));
  return _mm_sha256msg2_epu32(sum, w3);
}

MULEPLEX_TARGET_SHA inline __m128i loadWords(const uint8_t* data) {
  const __m128i swapBytes = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
  return _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(data)), swapBytes);
}

/// The words of a message's state as the instructions want them.
struct State {
  __m128i abef;
  __m128i cdgh;
};

MULEPLEX_TARGET_SHA inline State loadState(const uint32_t state[8]) {
  const auto* words = reinterpret_cast<const __m128i*>(state);
  const __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128(words), 0xb1);
  const __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128(words + 1), 0x1b);
  return {_mm_alignr_epi8(cdab, efgh, 8), _mm_blend_epi16(efgh, cdab, 0xf0)};
}

MULEPLEX_TARGET_SHA inline void storeState(uint32_t state[8], const State& from) {
  auto* words = reinterpret_cast<__m128i*>(state);
  const __m128i feba = _mm_shuffle_epi32(from.abef, 0x1b);
  const __m128i dchg = _mm_shuffle_epi32(from.cdgh, 0xb1);
  _mm_storeu_si128(words, _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128(words + 1, _mm_alignr_epi8(dchg, feba, 8));
}

/// One block of each of `kCount` messages, a few rounds of each in turn.
template <size_t kCount>
MULEPLEX_TARGET_SHA inline void compressBlocks(State (&states)[kCount],
                                               const uint8_t* const (&data)[kCount]) {
  State before[kCount];
  __m128i w[kCount][4];
  for (size_t m = 0; m < kCount; ++m) {
    before[m] = states[m];
    for (size_t i = 0; i < 4; ++i) w[m][i] = loadWords(data[m] + 16 * i);
  }
#pragma GCC unroll 16
  for (size_t i = 0; i < 16; ++i) {
    for (size_t m = 0; m < kCount; ++m) {
      fourRounds(states[m].abef, states[m].cdgh, w[m][i & 3], 4 * i);
      if (i >= 12) continue;
      w[m][i & 3] = nextWords(w[m][i & 3], w[m][(i + 1) & 3], w[m][(i + 2) & 3], w[m][(i + 3) & 3]);
    }
  }
  for (size_t m = 0; m < kCount; ++m) {
    states[m].abef = _mm_add_epi32(states[m].abef, before[m].abef);
    states[m].cdgh = _mm_add_epi32(states[m].cdgh, before[m].cdgh);
  }
}

}  // namespace

bool sha256HasShaInstructions() {
  unsigned int a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0) return false;
  if ((c & bit_SSSE3) == 0 || (c & bit_SSE4_1) == 0) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0;
}

MULEPLEX_TARGET_SHA void sha256CompressShaInstructions(uint32_t state[8], const uint8_t* data,
                                                       size_t blockCount) {
  State states[1] = {loadState(state)};
  for (; blockCount > 0; --blockCount, data += 64) compressBlocks<1>(states, {data});
  storeState(state, states[0]);
}

MULEPLEX_TARGET_SHA void sha256CompressTwo(uint32_t* state, const uint8_t* const* data,
                                           size_t blockCount) {
  uint32_t words[2][8];
  for (size_t i = 0; i < 16; ++i) words[i & 1][i >> 1] = state[i];
  State states[2] = {loadState(words[0]), loadState(words[1])};
  for (size_t block = 0; block < blockCount; ++block) {
    compressBlocks<2>(states, {data[0] + 64 * block, data[1] + 64 * block});
  }
  for (size_t m = 0; m < 2; ++m) storeState(words[m], states[m]);
  for (size_t i = 0; i < 16; ++i) state[i] = words[i & 1][i >> 1];
}

MULEPLEX_TARGET_SHA void sha256CompressWithMd4(uint32_t state[8], uint32_t md4State[4],
                                               const uint8_t* data, size_t blockCount) {
  constexpr size_t kMd4StepsAtOnce = kMd4Steps / 16;
  State sha256 = loadState(state);
  uint32_t md4[4] = {md4State[0], md4State[1], md4State[2], md4State[3]};
  for (; blockCount > 0; --blockCount, data += 64) {
    const State sha256Before = sha256;
    const uint32_t md4Before[4] = {md4[0], md4[1], md4[2], md4[3]};
    __m128i w[4];
    for (size_t i = 0; i < 4; ++i) w[i] = loadWords(data + 16 * i);
    uint32_t words[16];
    loadMd4Words(words, data);
#pragma GCC unroll 16
    for (size_t i = 0; i < 16; ++i) {
      fourRounds(sha256.abef, sha256.cdgh, w[i & 3], 4 * i);
      if (i < 12) w[i & 3] = nextWords(w[i & 3], w[(i + 1) & 3], w[(i + 2) & 3], w[(i + 3) & 3]);
#pragma GCC unroll 3
      for (size_t t = 0; t < kMd4StepsAtOnce; ++t) md4Step(md4, words, kMd4StepsAtOnce * i + t);
    }
    sha256.abef = _mm_add_epi32(sha256.abef, sha256Before.abef);
    sha256.cdgh = _mm_add_epi32(sha256.cdgh, sha256Before.cdgh);
    for (size_t word = 0; word < 4; ++word) md4[word] += md4Before[word];
  }
  storeState(state, sha256);
  std::copy(std::begin(md4), std::end(md4), md4State);
}

}  // namespace muleplex

#endif  // defined(__x86_64__)
