// SPDX-License-Identifier: GPL-2.0-or-later
// SHA-256 compression with the SHA instructions of x86-64. The instructions keep the state as the
// two vectors ABEF and CDGH and do two rounds each (Intel SDM, SHA256RNDS2, SHA256MSG1,
// SHA256MSG2).
#include "sha256_compress.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

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

}  // namespace

bool sha256HasShaInstructions() {
  unsigned int a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0) return false;
  if ((c & bit_SSSE3) == 0 || (c & bit_SSE4_1) == 0) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0;
}

MULEPLEX_TARGET_SHA void sha256CompressShaInstructions(uint32_t state[8], const uint8_t* data,
                                                       size_t blockCount) {
  auto* words = reinterpret_cast<__m128i*>(state);
  const __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128(words), 0xb1);
  const __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128(words + 1), 0x1b);
  __m128i abef = _mm_alignr_epi8(cdab, efgh, 8);
  __m128i cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
  for (; blockCount > 0; --blockCount, data += 64) {
    const __m128i abefBefore = abef, cdghBefore = cdgh;
    __m128i w0 = loadWords(data), w1 = loadWords(data + 16);
    __m128i w2 = loadWords(data + 32), w3 = loadWords(data + 48);
    for (size_t round = 0; round < 48; round += 16) {
      fourRounds(abef, cdgh, w0, round);
      w0 = nextWords(w0, w1, w2, w3);
      fourRounds(abef, cdgh, w1, round + 4);
      w1 = nextWords(w1, w2, w3, w0);
      fourRounds(abef, cdgh, w2, round + 8);
      w2 = nextWords(w2, w3, w0, w1);
      fourRounds(abef, cdgh, w3, round + 12);
      w3 = nextWords(w3, w0, w1, w2);
    }
    fourRounds(abef, cdgh, w0, 48);
    fourRounds(abef, cdgh, w1, 52);
    fourRounds(abef, cdgh, w2, 56);
    fourRounds(abef, cdgh, w3, 60);
    abef = _mm_add_epi32(abef, abefBefore);
    cdgh = _mm_add_epi32(cdgh, cdghBefore);
  }
  const __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
  const __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
  _mm_storeu_si128(words, _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128(words + 1, _mm_alignr_epi8(dchg, feba, 8));
}

}  // namespace muleplex

#endif  // defined(__x86_64__)
