// SPDX-License-Identifier: GPL-2.0-or-later
// Built with AVX-512 F, BW, VL and DQ; only gear_scan.cc calls it.
#ifndef __AVX512BW__
#error "this file needs its compile options, see CMakeLists.txt"
#endif
#include <immintrin.h>

#include <array>
#include <bit>

#include "gear_scan.h"

namespace muleplex {
namespace {

constexpr size_t kLanes = 16;
/// Bytes of a lane that are hashed in one step.
constexpr size_t kStep = 16;
constexpr size_t kWords = kStep / 4;

/// The stretch of each lane of the vectors: the order in which they come out of the shuffles.
constexpr std::array<uint32_t, kLanes> kStretchOf = {0, 4, 8, 12, 1, 5, 9, 13,
                                                     2, 6, 10, 14, 3, 7, 11, 15};

class Scan {
 public:
  Scan(const GearTable& table, const uint8_t* data, size_t from, size_t stretch)
      : low_(_mm512_loadu_si512(table.low.data())),
        high_(_mm512_loadu_si512(table.high.data())),
        data_(data),
        from_(from),
        stretch_(stretch) {}

  template <GearResult kResult>
  size_t run(uint32_t below, uint32_t* out) {
    __m512i hash = _mm512_setzero_si512();
    Words words;
    for (size_t at = 0; at < kGearWindow; at += kStep) {
      load(data_ + from_ - kGearWindow + at, words);
      for (const __m512i word : words) {
        for (uint32_t byte = 0; byte < 4; ++byte) hash = roll(hash, word, byte);
      }
    }
    const __m512i limit = _mm512_set1_epi32(static_cast<int>(below));
    size_t count = 0;
    for (size_t at = 0; at < stretch_; at += kStep) {
      load(data_ + from_ + at, words);
      for (size_t word = 0; word < kWords; ++word) {
        __m512i hashes[4];
        __mmask16 hits[4];
        for (uint32_t byte = 0; byte < 4; ++byte) {
          hash = roll(hash, words[word], byte);
          hashes[byte] = hash;
          hits[byte] = _mm512_cmplt_epu32_mask(hash, limit);
        }
        if constexpr (kResult == GearResult::kHashes) {
          // So many are found that a jump around them would be foretold wrong half of the time.
          for (size_t byte = 0; byte < 4; ++byte) {
            count = takeHashes(hits[byte], hashes[byte], count, out);
          }
        } else {
          if (((hits[0] | hits[1]) | (hits[2] | hits[3])) == 0) [[likely]] continue;
          for (size_t byte = 0; byte < 4; ++byte) {
            count = takePositions(hits[byte], at + 4 * word + byte, count, out);
          }
        }
      }
    }
    return count;
  }

 private:
  using Words = __m512i[kWords];

  /// The next bytes of each stretch: word w of all lanes in words[w].
  void load(const uint8_t* start, Words& words) const {
    __m512i rows[4];
    for (size_t row = 0; row < 4; ++row) {
      const auto quarter = [&](size_t index) {
        return _mm_loadu_si128(
            reinterpret_cast<const __m128i*>(start + (4 * row + index) * stretch_));
      };
      __m512i lanes = _mm512_castsi128_si512(quarter(0));
      lanes = _mm512_inserti32x4(lanes, quarter(1), 1);
      lanes = _mm512_inserti32x4(lanes, quarter(2), 2);
      rows[row] = _mm512_inserti32x4(lanes, quarter(3), 3);
    }
    const __m512i first = _mm512_unpacklo_epi32(rows[0], rows[1]);
    const __m512i second = _mm512_unpackhi_epi32(rows[0], rows[1]);
    const __m512i third = _mm512_unpacklo_epi32(rows[2], rows[3]);
    const __m512i fourth = _mm512_unpackhi_epi32(rows[2], rows[3]);
    words[0] = _mm512_unpacklo_epi64(first, third);
    words[1] = _mm512_unpackhi_epi64(first, third);
    words[2] = _mm512_unpacklo_epi64(second, fourth);
    words[3] = _mm512_unpackhi_epi64(second, fourth);
  }

  /// The permutations look at the low four bits of each lane alone.
  __m512i roll(__m512i hash, __m512i word, uint32_t byte) const {
    const __m512i low = _mm512_permutexvar_epi32(_mm512_srli_epi32(word, 8 * byte), low_);
    const __m512i high = _mm512_permutexvar_epi32(_mm512_srli_epi32(word, 8 * byte + 4), high_);
    return _mm512_add_epi32(_mm512_add_epi32(hash, hash), _mm512_xor_si512(low, high));
  }

  /// Writes all lanes, of which those that are no hits are written over by the next.
  static size_t takeHashes(__mmask16 hits, __m512i hashes, size_t count, uint32_t* out) {
    _mm512_storeu_si512(out + count, _mm512_maskz_compress_epi32(hits, hashes));
    return count + static_cast<size_t>(std::popcount(static_cast<uint32_t>(hits)));
  }

  size_t takePositions(__mmask16 hits, size_t at, size_t count, uint32_t* out) const {
    for (uint32_t left = hits; left != 0; left &= left - 1) {
      const size_t lane = static_cast<size_t>(std::countr_zero(left));
      out[count++] = static_cast<uint32_t>(from_ + kStretchOf[lane] * stretch_ + at + 1);
    }
    return count;
  }

  __m512i low_;
  __m512i high_;
  const uint8_t* data_;
  size_t from_;
  size_t stretch_;
};

}  // namespace

template <GearResult kResult>
size_t gearScanAvx512(const GearTable& table, const uint8_t* data, size_t from, size_t to,
                      uint32_t below, uint32_t* out) {
  if (from == to) return 0;
  return Scan(table, data, from, (to - from) / kLanes).run<kResult>(below, out);
}

template size_t gearScanAvx512<GearResult::kPositions>(const GearTable&, const uint8_t*, size_t,
                                                       size_t, uint32_t, uint32_t*);
template size_t gearScanAvx512<GearResult::kHashes>(const GearTable&, const uint8_t*, size_t,
                                                    size_t, uint32_t, uint32_t*);

}  // namespace muleplex
