// SPDX-License-Identifier: GPL-2.0-or-later
// Built with VAES, VPCLMULQDQ and AVX-512 F, BW, VL and DQ; only crypto.cc calls it. All is of
// internal linkage and uses no template of the library: the linker must not keep a copy with
// instructions that a processor may lack.
//
// Elements of GHASH are kept with their bytes reversed: bit 127 - i of a register is the
// coefficient of x^i. A carry-less product of two of them comes out as if multiplied by x, so the
// powers of the hash key are kept divided by x.
#ifndef __VAES__
#error "this file needs its compile options, see CMakeLists.txt"
#endif
#include "aes_gcm_vaes.h"

#include <immintrin.h>
#include <string.h>

namespace muleplex {
namespace {

#define MULEPLEX_INLINE __attribute__((always_inline)) static inline

constexpr size_t kBlockSize = 16;
constexpr size_t kVectors = 4;
constexpr size_t kVectorSize = 64;
constexpr size_t kChunkSize = kVectors * kVectorSize;
static_assert(kChunkSize == kVaesBlocks * kBlockSize);

/// 1 / x = x^127 + x^6 + x + 1.
MULEPLEX_INLINE __m128i polynomial() {
  return _mm_set_epi64x(static_cast<long long>(0xc200000000000000u), 1);
}

MULEPLEX_INLINE __m128i reverseBytes(__m128i v) {
  return _mm_shuffle_epi8(v, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

MULEPLEX_INLINE __m512i reverseBytes4(__m512i v) {
  return _mm512_shuffle_epi8(v, _mm512_broadcast_i32x4(_mm_set_epi8(
                                    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)));
}

MULEPLEX_INLINE __m128i load(const uint8_t* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}

MULEPLEX_INLINE void store(uint8_t* p, __m128i v) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), v);
}

/// A product of 255 bits as its low, middle (64 bits above) and high part, to one of 128 bits.
MULEPLEX_INLINE __m128i reduce(__m128i low, __m128i middle, __m128i high) {
  const __m128i p = polynomial();
  const __m128i folded = _mm_clmulepi64_si128(low, p, 0x10);
  middle = _mm_xor_si128(_mm_xor_si128(middle, _mm_shuffle_epi32(low, 0x4e)), folded);
  const __m128i again = _mm_clmulepi64_si128(middle, p, 0x10);
  return _mm_xor_si128(_mm_xor_si128(high, _mm_shuffle_epi32(middle, 0x4e)), again);
}

MULEPLEX_INLINE __m128i multiply(__m128i a, __m128i power) {
  return reduce(_mm_clmulepi64_si128(a, power, 0x00),
                _mm_xor_si128(_mm_clmulepi64_si128(a, power, 0x01),
                              _mm_clmulepi64_si128(a, power, 0x10)),
                _mm_clmulepi64_si128(a, power, 0x11));
}

MULEPLEX_INLINE __m128i xorOfLanes(__m512i v) {
  const __m256i half =
      _mm256_xor_si256(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
  return _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

/// The hash after 16 blocks, the first of which has the hash before added to it, times the 16
/// powers at `powers`.
MULEPLEX_INLINE __m128i hashChunk(const uint8_t* powers, const __m512i* blocks, __m128i hash) {
  __m512i low = _mm512_setzero_si512(), middle = low, high = low;
#pragma GCC unroll 4
  for (size_t v = 0; v < kVectors; ++v) {
    __m512i data = reverseBytes4(blocks[v]);
    if (v == 0) data = _mm512_xor_si512(data, _mm512_zextsi128_si512(hash));
    const __m512i power = _mm512_loadu_si512(powers + v * kVectorSize);
    low = _mm512_xor_si512(low, _mm512_clmulepi64_epi128(data, power, 0x00));
    high = _mm512_xor_si512(high, _mm512_clmulepi64_epi128(data, power, 0x11));
    middle = _mm512_ternarylogic_epi64(middle, _mm512_clmulepi64_epi128(data, power, 0x01),
                                       _mm512_clmulepi64_epi128(data, power, 0x10), 0x96);
  }
  return reduce(xorOfLanes(low), xorOfLanes(middle), xorOfLanes(high));
}

MULEPLEX_INLINE __m128i hashBlock(const VaesGcmKey& key, __m128i hash, __m128i block) {
  const __m128i power = load(key.powers[kVaesBlocks - 1]);
  return multiply(_mm_xor_si128(hash, reverseBytes(block)), power);
}

/// The last block may be short: zeros stand for what it lacks.
MULEPLEX_INLINE __m128i hashBytes(const VaesGcmKey& key, __m128i hash, const uint8_t* data,
                                  size_t size) {
  for (; size >= kBlockSize; data += kBlockSize, size -= kBlockSize) {
    hash = hashBlock(key, hash, load(data));
  }
  if (size == 0) return hash;
  return hashBlock(key, hash,
                   _mm_maskz_loadu_epi8(static_cast<__mmask16>((1u << size) - 1), data));
}

MULEPLEX_INLINE __m128i encryptBlock(const VaesGcmKey& key, __m128i block) {
  block = _mm_xor_si128(block, load(key.roundKeys[0]));
  for (size_t round = 1; round + 1 < kAesRoundKeys; ++round) {
    block = _mm_aesenc_si128(block, load(key.roundKeys[round]));
  }
  return _mm_aesenclast_si128(block, load(key.roundKeys[kAesRoundKeys - 1]));
}

/// The key stream of 16 blocks. `counters` are those of the first four, with the number in the low
/// word of each lane in the order of the processor.
MULEPLEX_INLINE void keyStream(const __m512i* roundKeys, __m512i counters, __m512i* stream) {
#pragma GCC unroll 4
  for (size_t v = 0; v < kVectors; ++v) {
    const __m512i number =
        _mm512_add_epi32(counters, _mm512_maskz_set1_epi32(0x1111, static_cast<int>(4 * v)));
    stream[v] = _mm512_xor_si512(reverseBytes4(number), roundKeys[0]);
  }
#pragma GCC unroll 14
  for (size_t round = 1; round + 1 < kAesRoundKeys; ++round) {
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v) {
      stream[v] = _mm512_aesenc_epi128(stream[v], roundKeys[round]);
    }
  }
#pragma GCC unroll 4
  for (size_t v = 0; v < kVectors; ++v) {
    stream[v] = _mm512_aesenclast_epi128(stream[v], roundKeys[kAesRoundKeys - 1]);
  }
}

/// The bytes of vector `v` of a chunk that has only `size`.
MULEPLEX_INLINE __mmask64 bytesOf(size_t size, size_t v) {
  if (size >= (v + 1) * kVectorSize) return ~__mmask64{0};
  return size <= v * kVectorSize ? 0 : (__mmask64{1} << (size - v * kVectorSize)) - 1;
}

template <bool kIsSeal>
MULEPLEX_INLINE void crypt(const VaesGcmKey& key, const uint8_t* nonce, const uint8_t* aad,
                           size_t aadSize, const uint8_t* in, size_t size, uint8_t* out,
                           uint8_t* tag) {
  __m512i roundKeys[kAesRoundKeys];
  for (size_t round = 0; round < kAesRoundKeys; ++round) {
    roundKeys[round] = _mm512_broadcast_i32x4(load(key.roundKeys[round]));
  }
  uint8_t first[kBlockSize] = {};
  memcpy(first, nonce, 12);
  first[15] = 1;
  const __m128i firstBlock = load(first);
  // The number of a block is its last word, which becomes the first when its bytes are reversed.
  // 1 belongs to the tag, so data begins with 2.
  const __m512i firstFour = _mm512_set_epi32(0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 1);
  __m512i counters =
      _mm512_add_epi32(_mm512_broadcast_i32x4(reverseBytes(firstBlock)), firstFour);

  __m128i hash = hashBytes(key, _mm_setzero_si128(), aad, aadSize);
  const __m512i sixteen = _mm512_maskz_set1_epi32(0x1111, kVaesBlocks);
  __m512i stream[kVectors], data[kVectors], sealed[kVectors];
  size_t left = size;
  for (; left >= kChunkSize; left -= kChunkSize, in += kChunkSize, out += kChunkSize) {
    keyStream(roundKeys, counters, stream);
    counters = _mm512_add_epi32(counters, sixteen);
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v) {
      data[v] = _mm512_loadu_si512(in + v * kVectorSize);
      stream[v] = _mm512_xor_si512(data[v], stream[v]);
      _mm512_storeu_si512(out + v * kVectorSize, stream[v]);
    }
    hash = hashChunk(key.powers[0], kIsSeal ? stream : data, hash);
  }
  if (left > 0) {
    keyStream(roundKeys, counters, stream);
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v) {
      const __mmask64 mask = bytesOf(left, v);
      data[v] = _mm512_maskz_loadu_epi8(mask, in + v * kVectorSize);
      stream[v] = _mm512_maskz_mov_epi8(mask, _mm512_xor_si512(data[v], stream[v]));
      _mm512_mask_storeu_epi8(out + v * kVectorSize, mask, stream[v]);
      sealed[v] = kIsSeal ? stream[v] : data[v];
    }
    // The last block that is there gets the first power.
    const size_t blocks = (left + kBlockSize - 1) / kBlockSize;
    hash = hashChunk(key.powers[kVaesBlocks - blocks], sealed, hash);
  }
  const __m128i bits = _mm_set_epi64x(static_cast<long long>(8 * static_cast<uint64_t>(aadSize)),
                                      static_cast<long long>(8 * static_cast<uint64_t>(size)));
  hash = multiply(_mm_xor_si128(hash, bits), load(key.powers[kVaesBlocks - 1]));
  store(tag, _mm_xor_si128(reverseBytes(hash), encryptBlock(key, firstBlock)));
}

/// The next 16 bytes of the key schedule (FIPS 197, 5.2) from those 32 bytes before; `assist` is
/// what the bytes just before give, in all words.
MULEPLEX_INLINE __m128i expand(__m128i before, __m128i assist) {
  before = _mm_xor_si128(before, _mm_slli_si128(before, 4));
  before = _mm_xor_si128(before, _mm_slli_si128(before, 8));
  return _mm_xor_si128(before, assist);
}

#define MULEPLEX_EXPAND(round, constant)                                                      \
  even = expand(even, _mm_shuffle_epi32(_mm_aeskeygenassist_si128(odd, (constant)), 0xff));   \
  store(out->roundKeys[(round)], even);                                                       \
  if ((round) + 1 < kAesRoundKeys) {                                                          \
    odd = expand(odd, _mm_shuffle_epi32(_mm_aeskeygenassist_si128(even, 0), 0xaa));           \
    store(out->roundKeys[(round) + 1], odd);                                                  \
  }

}  // namespace

void prepareVaesGcm(const uint8_t* key, VaesGcmKey* out) {
  __m128i even = load(key), odd = load(key + kBlockSize);
  store(out->roundKeys[0], even);
  store(out->roundKeys[1], odd);
  MULEPLEX_EXPAND(2, 0x01)
  MULEPLEX_EXPAND(4, 0x02)
  MULEPLEX_EXPAND(6, 0x04)
  MULEPLEX_EXPAND(8, 0x08)
  MULEPLEX_EXPAND(10, 0x10)
  MULEPLEX_EXPAND(12, 0x20)
  MULEPLEX_EXPAND(14, 0x40)

  // The hash key divided by x: a shift by one bit, and the polynomial when a bit falls out.
  const __m128i hashKey = reverseBytes(encryptBlock(*out, _mm_setzero_si128()));
  const __m128i carries = _mm_srli_epi64(hashKey, 63);
  const __m128i shifted = _mm_or_si128(_mm_slli_epi64(hashKey, 1), _mm_slli_si128(carries, 8));
  const __m128i fallenOut =
      _mm_sub_epi64(_mm_setzero_si128(), _mm_unpackhi_epi64(carries, carries));
  const __m128i first = _mm_xor_si128(shifted, _mm_and_si128(fallenOut, polynomial()));
  memset(out->powers, 0, sizeof out->powers);
  __m128i power = first;
  for (size_t n = kVaesBlocks; n-- > 0;) {
    store(out->powers[n], power);
    power = multiply(power, first);
  }
}

void vaesGcmSeal(const VaesGcmKey& key, const uint8_t* nonce, const uint8_t* aad, size_t aadSize,
                 const uint8_t* in, size_t size, uint8_t* out, uint8_t* tag) {
  crypt<true>(key, nonce, aad, aadSize, in, size, out, tag);
}

void vaesGcmOpen(const VaesGcmKey& key, const uint8_t* nonce, const uint8_t* aad, size_t aadSize,
                 const uint8_t* in, size_t size, uint8_t* out, uint8_t* tag) {
  crypt<false>(key, nonce, aad, aadSize, in, size, out, tag);
}

}  // namespace muleplex
