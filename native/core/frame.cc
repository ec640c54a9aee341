// SPDX-License-Identifier: GPL-2.0-or-later
#include "frame.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>

#include "check.h"
#include "failure.h"

namespace muleplex {
namespace {

constexpr std::string_view kDomain{"muleplex frame\0", 15};
constexpr std::string_view kKeyLabel = "frame";
constexpr uint8_t kFormat = 1;
constexpr uint8_t kCipherAes256Gcm = 1;

const uint8_t* bytesOf(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

void appendU32(std::vector<uint8_t>& out, uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<uint8_t>(value >> shift));
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

}  // namespace

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
      zstd_(ZSTD_createCCtx()) {
  MULEPLEX_CHECK(level >= 1 && level <= 19);
  if (zstd_ == nullptr) throw std::bad_alloc();
}

FrameCodec FrameEncoder::compress(const uint8_t* raw, size_t size, const uint8_t*& payload,
                                  size_t& payloadSize) {
  compressed_.resize(std::max(compressed_.size(), ZSTD_compressBound(size)));
  const size_t compressedSize =
      ZSTD_compressCCtx(zstd_.get(), compressed_.data(), compressed_.size(), raw, size, level_);
  if (ZSTD_isError(compressedSize) != 0) {
    throw std::runtime_error(std::string("zstd failed: ") + ZSTD_getErrorName(compressedSize));
  }
  if (16 * compressedSize <= 15 * size) {
    payload = compressed_.data();
    payloadSize = compressedSize;
    return FrameCodec::kZstd;
  }
  payload = raw;
  payloadSize = size;
  return FrameCodec::kRaw;
}

FrameCodec FrameEncoder::encode(const uint8_t* raw, size_t size, std::vector<uint8_t>& out) {
  MULEPLEX_CHECK(size >= 1 && size <= kFrameRawMax);
  const uint8_t* payload = nullptr;
  size_t payloadSize = 0;
  FrameHeader header;
  header.codec = compress(raw, size, payload, payloadSize);
  header.keyEpoch = keyEpoch_;
  header.rawLength = static_cast<uint32_t>(size);
  seal(header, payload, payloadSize, out);
  return header.codec;
}

void FrameEncoder::seal(const FrameHeader& header, const uint8_t* payload, size_t size,
                        std::vector<uint8_t>& out) {
  MULEPLEX_CHECK(header.keyEpoch == keyEpoch_);
  const std::vector<uint8_t> aad = frameAad(header);
  const HmacDigest salt = saltOf(sivMac_, aad, payload, size);
  const size_t start = out.size();
  out.resize(start + kFrameOverhead + size);
  std::copy(salt.begin(), salt.end(), out.begin() + static_cast<ptrdiff_t>(start));
  cipher_.seal(keyOf(encMac_, salt.data()), aad.data(), aad.size(), payload, size,
               out.data() + start + kFrameSaltSize);
}

FrameDecoder::FrameDecoder(const SecretKey& encKey, const SecretKey* sivKey)
    : encMac_(encKey), zstd_(ZSTD_createDCtx()) {
  if (zstd_ == nullptr) throw std::bad_alloc();
  if (sivKey != nullptr) sivMac_ = std::make_unique<HmacSha256>(*sivKey);
}

void FrameDecoder::decode(const FrameHeader& header, const uint8_t* frame, size_t size,
                          uint8_t* raw, size_t index) {
  MULEPLEX_CHECK(header.rawLength >= 1 && header.rawLength <= kFrameRawMax);
  if (header.codec > FrameCodec::kZstd) {
    throw Failure(FailureKind::kUnsupported, "the codec is of a later format", index);
  }
  // A zstd frame that was stored is smaller than its content, a raw payload exactly as long.
  if (size < kFrameOverhead || size - kFrameOverhead > header.rawLength || header.baseCount != 0) {
    throw Failure(FailureKind::kMalformed, "the frame's length or bases do not fit its codec",
                  index);
  }
  const size_t payloadSize = size - kFrameOverhead;
  const bool isRaw = header.codec == FrameCodec::kRaw;
  if (isRaw && payloadSize != header.rawLength) {
    throw Failure(FailureKind::kMalformed, "a raw frame does not have its chunk's length", index);
  }
  payload_.resize(std::max(payload_.size(), payloadSize));
  uint8_t* payload = isRaw ? raw : payload_.data();
  const std::vector<uint8_t> aad = frameAad(header);
  if (!cipher_.open(keyOf(encMac_, frame), aad.data(), aad.size(), frame + kFrameSaltSize,
                    payloadSize, payload)) {
    throw Failure(FailureKind::kCorrupt, "the frame does not match its tag", index);
  }
  if (sivMac_ != nullptr) {
    const HmacDigest salt = saltOf(*sivMac_, aad, payload, payloadSize);
    if (!equalSecret(salt.data(), frame, kFrameSaltSize)) {
      throw Failure(FailureKind::kCorrupt, "the frame does not match its salt", index);
    }
  }
  if (isRaw) return;
  // The one-call decoder would also take several frames in a row and skippable ones.
  const bool isOneFrame = ZSTD_findFrameCompressedSize(payload, payloadSize) == payloadSize &&
                          ZSTD_getFrameContentSize(payload, payloadSize) == header.rawLength;
  if (!isOneFrame || ZSTD_decompressDCtx(zstd_.get(), raw, header.rawLength, payload,
                                         payloadSize) != header.rawLength) {
    throw Failure(FailureKind::kMalformed,
                  "the payload is not one zstd frame of the chunk's length", index);
  }
}

}  // namespace muleplex
