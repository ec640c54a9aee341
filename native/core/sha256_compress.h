// SPDX-License-Identifier: GPL-2.0-or-later
// The compression functions of SHA-256, one per instruction set; sha256.cc picks one per process.
#ifndef MULEPLEX_CORE_SHA256_COMPRESS_H_
#define MULEPLEX_CORE_SHA256_COMPRESS_H_

#include <cstddef>
#include <cstdint>

namespace muleplex {

/// Initial hash value (FIPS 180-4, 5.3.3).
inline constexpr uint32_t kSha256Initial[8] = {0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au,
                                               0x510e527fu, 0x9b05688cu, 0x1f83d9abu, 0x5be0cd19u};

/// Round constants (FIPS 180-4, 4.2.2).
extern const uint32_t kSha256RoundConstants[64];

using Sha256Compress = void (*)(uint32_t state[8], const uint8_t* data, size_t blockCount);

void sha256CompressPortable(uint32_t state[8], const uint8_t* data, size_t blockCount);

/// The fastest that this processor has, within cpuLevel().
Sha256Compress sha256FastestCompress();

#if defined(__x86_64__)
/// True when the processor has SHA, SSSE3 and SSE4.1.
bool sha256HasShaInstructions();
/// The same within cpuLevel(), and quick: asking the processor is slow where a hypervisor answers.
bool sha256UsesShaInstructions();
/// These are to be called only when sha256HasShaInstructions().
void sha256CompressShaInstructions(uint32_t state[8], const uint8_t* data, size_t blockCount);
/// The same for two messages in turn, which takes little longer than one. Word w of message m is
/// state[2 * w + m].
void sha256CompressTwo(uint32_t* state, const uint8_t* const* data, size_t blockCount);
/// With MD4 of the same blocks: steps of the two in turn, in the time of MD4 alone.
void sha256CompressWithMd4(uint32_t state[8], uint32_t md4State[4], const uint8_t* data,
                           size_t blockCount);
#endif

}  // namespace muleplex

#endif  // MULEPLEX_CORE_SHA256_COMPRESS_H_
