// SPDX-License-Identifier: GPL-2.0-or-later
#include "secure_records.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>

#include "check.h"

namespace muleplex {
namespace {

void putLength(uint8_t* header, size_t length) {
  for (size_t i = 0; i < kRecordHeaderSize; ++i) {
    header[i] = static_cast<uint8_t>(length >> (8 * i));
  }
}

size_t getLength(const uint8_t* header) {
  size_t length = 0;
  for (size_t i = 0; i < kRecordHeaderSize; ++i) length |= size_t{header[i]} << (8 * i);
  return length;
}

/// Rekey of Noise, section 4.2: the first bytes of zeros sealed with the nonce that is never used.
SecretKey nextKey(const SecretKey& key) {
  constexpr uint8_t kZeros[kKeySize] = {};
  uint8_t sealed[kKeySize + kGcmTagSize];
  GcmStream(key, GcmStream::Direction::kSeal)
      .seal(GcmStream::kRekeyNonce, nullptr, 0, kZeros, sizeof kZeros, sealed);
  const SecretKey next(sealed);
  OPENSSL_cleanse(sealed, sizeof sealed);
  return next;
}

}  // namespace

RecordCipher::RecordCipher(const SecretKey& key, GcmStream::Direction direction)
    : key_(key), direction_(direction), stream_(key, direction) {}

void RecordCipher::countRecord() {
  ++counter_;
  MULEPLEX_CHECK(counter_ != GcmStream::kRekeyNonce);
  if (counter_ % kRecordsPerKey == 0) {
    key_ = nextKey(key_);
    stream_ = GcmStream(key_, direction_);
  }
}

void RecordCipher::seal(const uint8_t* header, const uint8_t* plain, size_t size, uint8_t* out) {
  stream_.seal(counter_, header, kRecordHeaderSize, plain, size, out);
  countRecord();
}

bool RecordCipher::open(const uint8_t* header, const uint8_t* sealed, size_t size,
                        uint8_t* plain) {
  if (!stream_.open(counter_, header, kRecordHeaderSize, sealed, size, plain)) return false;
  countRecord();
  return true;
}

void RecordEncoder::seal(const uint8_t* plain, size_t size, uint8_t* out) {
  while (size > 0) {
    const size_t taken = std::min(size, kRecordPlainSizeMax);
    putLength(out, taken + kGcmTagSize);
    cipher_.seal(out, plain, taken, out + kRecordHeaderSize);
    out += taken + kRecordOverhead;
    plain += taken;
    size -= taken;
  }
}

uint8_t* RecordDecoder::space() {
  MULEPLEX_CHECK(available() == 0);
  return buffer_.data() + filled_;
}

bool RecordDecoder::put(size_t size) {
  MULEPLEX_CHECK(available() == 0 && size <= spaceSize());
  if (failed_) return false;
  filled_ += size;
  if (filled_ < wanted_) return true;
  if (wanted_ == kRecordHeaderSize) {
    const size_t length = getLength(buffer_.data());
    // A record without plain bytes would be work for nothing.
    if (length <= kGcmTagSize || length > kRecordPlainSizeMax + kGcmTagSize) {
      failed_ = true;
      return false;
    }
    wanted_ = kRecordHeaderSize + length;
    if (buffer_.size() < wanted_) buffer_.resize(wanted_);
    return true;
  }
  uint8_t* body = buffer_.data() + kRecordHeaderSize;
  const size_t plainSize = wanted_ - kRecordOverhead;
  filled_ = 0;
  wanted_ = kRecordHeaderSize;
  if (!cipher_.open(buffer_.data(), body, plainSize, body)) {
    failed_ = true;
    return false;
  }
  plainStart_ = kRecordHeaderSize;
  plainEnd_ = kRecordHeaderSize + plainSize;
  return true;
}

size_t RecordDecoder::take(uint8_t* out, size_t size) {
  const size_t taken = std::min(size, available());
  if (taken > 0) std::memcpy(out, buffer_.data() + plainStart_, taken);
  plainStart_ += taken;
  return taken;
}

}  // namespace muleplex
