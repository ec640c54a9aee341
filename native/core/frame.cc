// SPDX-License-Identifier: GPL-2.0-or-later
#include "frame.h"

#include <zstd_errors.h>

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "check.h"
#include "failure.h"
#include "little_endian.h"

namespace muleplex {
namespace {

constexpr std::string_view kDomain{"muleplex frame\0", 15};
constexpr std::string_view kKeyLabel = "frame";
constexpr uint8_t kFormat = 1;
constexpr uint8_t kCipherAes256Gcm = 1;
constexpr int kProbeLevel = -1;
/// Before a whole group is compressed, levels are compared on so many bytes from its middle.
constexpr size_t kSampleSize = 64 << 10;
/// The first beats the second on records and logs, where short matches cost more than they save. A
/// level above them must save an eleventh more than the better of the two.
constexpr int kFastLevels[] = {1, 3};
constexpr size_t kSlowLevelGain = 11;
/// Most deltas all but vanish at the fastest level, when its table has a slot for every so many
/// bytes of the bases: half as many slots make deltas a quarter longer, and more cost time.
constexpr int kDeltaLevel = 1;
constexpr size_t kDeltaBytesPerSlot = 20;
constexpr int kDeltaHashLogMin = 17;
constexpr int kDeltaHashLogMax = 20;
/// A delta that is more than this part of the raw bytes must be better than no delta.
constexpr size_t kDeltaGain = 4;
/// The least that zstd takes.
constexpr int kWindowLogMin = 10;
/// Too few bytes to tell from their counts whether they are random.
constexpr size_t kProbeSizeMin = 1024;
constexpr size_t kProbeSamples = 4;

const uint8_t* bytesOf(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

bool pays(size_t compressed, size_t raw) { return compressed <= raw - (raw + 15) / 16; }

size_t zstdChecked(size_t result) {
  if (ZSTD_isError(result) != 0) {
    throw std::runtime_error(std::string("zstd failed: ") + ZSTD_getErrorName(result));
  }
  return result;
}

size_t sizeOf(std::span<const ByteSpan> pieces) {
  size_t size = 0;
  for (const ByteSpan piece : pieces) size += piece.size();
  return size;
}

/// The pieces end to end: where they are when they lie so, else in `memory`.
ByteSpan concatenate(std::span<const ByteSpan> pieces, Scratch& memory) {
  if (pieces.empty()) return {};
  const auto isApart = [](ByteSpan first, ByteSpan second) {
    return first.data() + first.size() != second.data();
  };
  const bool isWhole = std::ranges::adjacent_find(pieces, isApart) == pieces.end();
  if (isWhole) return {pieces.front().data(), sizeOf(pieces)};
  memory.clear();
  for (const ByteSpan piece : pieces) memory.insert(memory.end(), piece.begin(), piece.end());
  return memory;
}

/// Where the payload of the next frame belongs.
std::span<uint8_t> payloadPlace(std::span<uint8_t> out) {
  return out.subspan(kFrameSaltSize, out.size() - kFrameOverhead);
}

/// True when samples have all byte values about equally often: text and code do not.
bool looksRandom(ByteSpan chunk) {
  if (chunk.size() < kProbeSizeMin) return false;
  std::array<uint32_t, 256> counts{};
  const size_t stride = chunk.size() / kProbeSamples;
  const size_t length = std::min(stride, kProbeSizeMin);
  for (size_t sample = 0; sample < kProbeSamples; ++sample) {
    for (size_t i = 0; i < length; ++i) ++counts[chunk[sample * stride + i]];
  }
  uint64_t squares = 0;
  for (const uint64_t count : counts) squares += count * count;
  const uint64_t total = kProbeSamples * length;
  // Even chances make total + total^2 / 256 of it, and seldom a tenth more.
  return squares * 10 < (total + total * total / 256) * 12;
}

HmacDigest saltOf(HmacSha256& sivMac, const std::vector<uint8_t>& aad, const uint8_t* payload,
                  size_t size) {
  sivMac.update(aad.data(), aad.size());
  return sivMac.mac(payload, size);
}

SecretKey keyOf(HmacSha256& encMac, const uint8_t salt[kFrameSaltSize]) {
  encMac.update(bytesOf(kKeyLabel), kKeyLabel.size());
  HmacDigest digest = encMac.mac(salt, kFrameSaltSize);
  SecretKey key(digest.data());
  OPENSSL_cleanse(digest.data(), digest.size());
  return key;
}

/// Never destroyed: threads may still encode when the process ends.
ObjectPool<EncoderMemory>& encoderPool() {
  static auto* pool = new ObjectPool<EncoderMemory>;
  return *pool;
}

ObjectPool<DecoderMemory>& decoderPool() {
  static auto* pool = new ObjectPool<DecoderMemory>;
  return *pool;
}

}  // namespace

EncoderMemory::EncoderMemory() : zstd(ZSTD_createCCtx()) {
  if (zstd == nullptr) throw std::bad_alloc();
}

DecoderMemory::DecoderMemory() : zstd(ZSTD_createDCtx()) {
  if (zstd == nullptr) throw std::bad_alloc();
}

std::vector<uint8_t> frameAad(const FrameHeader& header) {
  MULEPLEX_CHECK(header.baseCount <= kBaseCountMax);
  std::vector<uint8_t> aad;
  aad.reserve(kDomain.size() + 12 + header.baseCount * kBaseIdSize);
  aad.insert(aad.end(), kDomain.begin(), kDomain.end());
  aad.push_back(kFormat);
  aad.push_back(kCipherAes256Gcm);
  aad.push_back(static_cast<uint8_t>(header.codec));
  appendU32(aad, header.keyEpoch);
  appendU32(aad, header.rawLength);
  aad.push_back(static_cast<uint8_t>(header.baseCount));
  aad.insert(aad.end(), header.baseIds, header.baseIds + header.baseCount * kBaseIdSize);
  return aad;
}

FrameEncoder::FrameEncoder(const SecretKey& encKey, const SecretKey& sivKey, uint32_t keyEpoch,
                           int level)
    : encMac_(encKey),
      sivMac_(sivKey),
      keyEpoch_(keyEpoch),
      level_(level),
      memory_(encoderPool().take()) {
  MULEPLEX_CHECK(level >= 1 && level <= 19);
}

void FrameEncoder::encode(const ChunkGroup& group, std::span<uint8_t> out,
                          std::vector<EncodedFrame>& frames) {
  MULEPLEX_CHECK(sizeOf(group.chunks) + sizeOf(group.bases) <= kFrameRawMax);
  MULEPLEX_CHECK(sizeOf(group.chunks) + group.chunks.size() * kFrameOverhead <= out.size());
  if (!group.bases.empty() && encodeDelta(group, out, frames)) return;
  std::vector<uint32_t> solid;
  std::vector<ByteSpan> solidChunks;
  for (uint32_t index = 0; index < group.chunks.size(); ++index) {
    const ByteSpan chunk = group.chunks[index];
    MULEPLEX_CHECK(!chunk.empty());
    if (isCompressible(chunk)) {
      solid.push_back(index);
      solidChunks.push_back(chunk);
    } else {
      encodeRaw(chunk, index, out, frames);
    }
  }
  if (solid.empty()) return;
  // Not kept: chunks lie apart where others are stored raw, which is seldom.
  Scratch memory;
  const ByteSpan raw = concatenate(solidChunks, memory);
  const std::span<uint8_t> place = payloadPlace(out);
  const size_t size = compress({}, raw, levelFor(raw), place);
  if (pays(size, raw.size())) {
    FrameHeader header;
    header.codec = solid.size() == 1 ? FrameCodec::kZstd : FrameCodec::kZstdGroup;
    header.rawLength = static_cast<uint32_t>(raw.size());
    append(header, place.first(size), std::move(solid), out, frames);
    return;
  }
  for (const uint32_t index : solid) encodeRaw(group.chunks[index], index, out, frames);
}

/// False when the bases are no help, and nothing was appended.
bool FrameEncoder::encodeDelta(const ChunkGroup& group, std::span<uint8_t>& out,
                               std::vector<EncodedFrame>& frames) {
  Scratch baseMemory;
  Scratch chunkMemory;
  const ByteSpan prefix = concatenate(group.bases, baseMemory);
  const ByteSpan raw = concatenate(group.chunks, chunkMemory);
  const std::span<uint8_t> place = payloadPlace(out);
  const size_t size = compress(prefix, raw, kDeltaLevel, place);
  if (!pays(size, raw.size())) return false;
  // A frame without bases can be a base itself, so a poor delta is not worth its bases.
  if (size > raw.size() / kDeltaGain && 10 * size > 9 * compressedSize(raw, levelFor(raw))) {
    return false;
  }
  FrameHeader header;
  header.codec = FrameCodec::kZstdPrefix;
  header.rawLength = static_cast<uint32_t>(raw.size());
  header.baseIds = group.baseIds;
  header.baseCount = group.bases.size();
  std::vector<uint32_t> chunks(group.chunks.size());
  std::iota(chunks.begin(), chunks.end(), 0U);
  append(header, place.first(size), std::move(chunks), out, frames);
  return true;
}

void FrameEncoder::encodeRaw(ByteSpan chunk, uint32_t index, std::span<uint8_t>& out,
                             std::vector<EncodedFrame>& frames) {
  FrameHeader header;
  header.rawLength = static_cast<uint32_t>(chunk.size());
  append(header, chunk, {index}, out, frames);
}

void FrameEncoder::append(FrameHeader header, ByteSpan payload, std::vector<uint32_t> chunks,
                          std::span<uint8_t>& out, std::vector<EncodedFrame>& frames) {
  header.keyEpoch = keyEpoch_;
  seal(header, payload.data(), payload.size(), out.data());
  const size_t length = kFrameOverhead + payload.size();
  out = out.subspan(length);
  frames.push_back(
      {header.codec, header.rawLength, static_cast<uint32_t>(length), std::move(chunks)});
}

size_t FrameEncoder::compress(ByteSpan prefix, ByteSpan raw, int level,
                              std::span<uint8_t> result) {
  const size_t total = prefix.size() + raw.size();
  const int windowLog = std::max<int>(kWindowLogMin, std::bit_width(total - 1));
  zstdChecked(ZSTD_CCtx_reset(memory_->zstd.get(), ZSTD_reset_session_and_parameters));
  zstdChecked(ZSTD_CCtx_setParameter(memory_->zstd.get(), ZSTD_c_compressionLevel, level));
  // Matches reach from the last byte to the first, of the bases too.
  zstdChecked(ZSTD_CCtx_setParameter(memory_->zstd.get(), ZSTD_c_windowLog, windowLog));
  if (!prefix.empty()) {
    const int hashLog = std::clamp<int>(std::bit_width(prefix.size() / kDeltaBytesPerSlot),
                                        kDeltaHashLogMin, kDeltaHashLogMax);
    zstdChecked(ZSTD_CCtx_setParameter(memory_->zstd.get(), ZSTD_c_hashLog, hashLog));
    zstdChecked(ZSTD_CCtx_refPrefix(memory_->zstd.get(), prefix.data(), prefix.size()));
  }
  const size_t size =
      ZSTD_compress2(memory_->zstd.get(), result.data(), result.size(), raw.data(), raw.size());
  if (ZSTD_getErrorCode(size) == ZSTD_error_dstSize_tooSmall) return SIZE_MAX;
  return zstdChecked(size);
}

size_t FrameEncoder::compressedSize(ByteSpan raw, int level) {
  return compress({}, raw, level, trialRoom(raw.size()));
}

/// The level at which these bytes are worth their time, by a sample of them.
int FrameEncoder::levelFor(ByteSpan raw) {
  if (level_ == kFastLevels[0] || raw.size() < 2 * kSampleSize) return level_;
  const ByteSpan sample = raw.subspan((raw.size() - kSampleSize) / 2, kSampleSize);
  const auto sizeAt = [&](int level) { return compressedSize(sample, level); };
  int best = 0;
  size_t bestSize = SIZE_MAX;
  for (const int level : kFastLevels) {
    const size_t size = level <= level_ ? sizeAt(level) : SIZE_MAX;
    if (size >= bestSize) continue;
    best = level;
    bestSize = size;
  }
  if (level_ <= std::end(kFastLevels)[-1]) return best;
  const bool isWorthIt = kSlowLevelGain * sizeAt(level_) <= (kSlowLevelGain - 1) * bestSize;
  return isWorthIt ? level_ : best;
}

/// Bytes that are spread evenly are tried with the fastest level: so noise costs next to nothing.
bool FrameEncoder::isCompressible(ByteSpan chunk) {
  if (!looksRandom(chunk)) return true;
  const std::span<uint8_t> room = trialRoom(chunk.size());
  const size_t size =
      zstdChecked(ZSTD_compressCCtx(memory_->zstd.get(), room.data(), room.size(), chunk.data(),
                                    chunk.size(), kProbeLevel));
  return pays(size, chunk.size());
}

std::span<uint8_t> FrameEncoder::trialRoom(size_t rawSize) {
  memory_->trial.resize(std::max(memory_->trial.size(), ZSTD_compressBound(rawSize)));
  return memory_->trial;
}

void FrameEncoder::seal(const FrameHeader& header, const uint8_t* payload, size_t size,
                        uint8_t* out) {
  MULEPLEX_CHECK(header.keyEpoch == keyEpoch_);
  const std::vector<uint8_t> aad = frameAad(header);
  const HmacDigest salt = saltOf(sivMac_, aad, payload, size);
  cipher_.seal(keyOf(encMac_, salt.data()), aad.data(), aad.size(), payload, size,
               out + kFrameSaltSize);
  std::ranges::copy(salt, out);
}

FrameDecoder::FrameDecoder(const SecretKey& encKey, const SecretKey* sivKey)
    : encMac_(encKey), memory_(decoderPool().take()) {
  if (sivKey != nullptr) sivMac_ = std::make_unique<HmacSha256>(*sivKey);
}

void FrameDecoder::decode(const FrameHeader& header, std::span<const ByteSpan> bases,
                          ByteSpan frame, uint8_t* raw, size_t index) {
  MULEPLEX_CHECK(header.rawLength >= 1 && header.rawLength <= kFrameRawMax);
  MULEPLEX_CHECK(bases.size() == header.baseCount);
  if (header.codec > FrameCodec::kZstdPrefix) {
    throw Failure(FailureKind::kUnsupported, "the codec is of a later format", index);
  }
  const bool isDelta = header.codec == FrameCodec::kZstdPrefix;
  // A zstd frame that was stored is smaller than its content, a raw payload exactly as long.
  if (frame.size() < kFrameOverhead || frame.size() - kFrameOverhead > header.rawLength ||
      isDelta != (header.baseCount > 0)) {
    throw Failure(FailureKind::kMalformed, "the frame's length or bases do not fit its codec",
                  index);
  }
  if (sizeOf(bases) + header.rawLength > kFrameRawMax) {
    throw Failure(FailureKind::kMalformed, "the frame and its bases are too long", index);
  }
  const size_t payloadSize = frame.size() - kFrameOverhead;
  const bool isRaw = header.codec == FrameCodec::kRaw;
  if (isRaw && payloadSize != header.rawLength) {
    throw Failure(FailureKind::kMalformed, "a raw frame does not have its chunk's length", index);
  }
  memory_->payload.resize(std::max(memory_->payload.size(), payloadSize));
  uint8_t* payload = isRaw ? raw : memory_->payload.data();
  const std::vector<uint8_t> aad = frameAad(header);
  if (!cipher_.open(keyOf(encMac_, frame.data()), aad.data(), aad.size(),
                    frame.data() + kFrameSaltSize, payloadSize, payload)) {
    throw Failure(FailureKind::kCorrupt, "the frame does not match its tag", index);
  }
  if (sivMac_ != nullptr) {
    const HmacDigest salt = saltOf(*sivMac_, aad, payload, payloadSize);
    if (!equalSecret(salt.data(), frame.data(), kFrameSaltSize)) {
      throw Failure(FailureKind::kCorrupt, "the frame does not match its salt", index);
    }
  }
  if (isRaw) return;
  const ByteSpan prefix = concatenate(bases, memory_->prefix);
  zstdChecked(ZSTD_DCtx_reset(memory_->zstd.get(), ZSTD_reset_session_and_parameters));
  if (isDelta) zstdChecked(ZSTD_DCtx_refPrefix(memory_->zstd.get(), prefix.data(), prefix.size()));
  // The one-call decoder would also take several frames in a row and skippable ones.
  const bool isOneFrame = ZSTD_findFrameCompressedSize(payload, payloadSize) == payloadSize &&
                          ZSTD_getFrameContentSize(payload, payloadSize) == header.rawLength;
  if (!isOneFrame || ZSTD_decompressDCtx(memory_->zstd.get(), raw, header.rawLength, payload,
                                         payloadSize) != header.rawLength) {
    throw Failure(FailureKind::kMalformed,
                  "the payload is not one zstd frame of the chunks' length", index);
  }
}

}  // namespace muleplex
