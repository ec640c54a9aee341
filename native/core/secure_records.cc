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

/// A record without plain bytes would be work for nothing.
bool isRecordLength(size_t length) {
  return length > kGcmTagSize && length <= kRecordPlainSizeMax + kGcmTagSize;
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
  return (inBody_ ? body_.get() : header_) + filled_;
}

bool RecordDecoder::put(size_t size) {
  MULEPLEX_CHECK(available() == 0 && size <= spaceSize());
  if (failed_) return false;
  filled_ += size;
  if (filled_ < wanted_) return true;
  filled_ = 0;
  if (!inBody_) {
    const size_t length = getLength(header_);
    if (!isRecordLength(length)) {
      failed_ = true;
      return false;
    }
    makeRoom(length);
    wanted_ = length;
    inBody_ = true;
    return true;
  }
  const size_t length = wanted_;
  wanted_ = kRecordHeaderSize;
  inBody_ = false;
  return openBody(header_, body_.get(), length);
}

size_t RecordDecoder::putWhole(const uint8_t* data, size_t size) {
  MULEPLEX_CHECK(available() == 0);
  if (failed_ || inBody_ || filled_ > 0 || size < kRecordHeaderSize) return 0;
  const size_t length = getLength(data);
  // put() refuses a bad length.
  if (!isRecordLength(length) || size - kRecordHeaderSize < length) return 0;
  makeRoom(length);
  return openBody(data, data + kRecordHeaderSize, length) ? kRecordHeaderSize + length : 0;
}

void RecordDecoder::makeRoom(size_t size) {
  if (bodyCapacity_ >= size) return;
  body_.reset(new uint8_t[size]);
  bodyCapacity_ = size;
}

bool RecordDecoder::openBody(const uint8_t* header, const uint8_t* sealed, size_t length) {
  const size_t plainSize = length - kGcmTagSize;
  failed_ = !cipher_.open(header, sealed, plainSize, body_.get());
  plainStart_ = 0;
  plainEnd_ = failed_ ? 0 : plainSize;
  return !failed_;
}

size_t RecordDecoder::take(uint8_t* out, size_t size) {
  const size_t taken = std::min(size, available());
  if (taken > 0) std::memcpy(out, plain(), taken);
  plainStart_ += taken;
  return taken;
}

std::unique_ptr<uint8_t[]> RecordDecoder::release() {
  MULEPLEX_CHECK(isWhole());
  plainEnd_ = 0;
  bodyCapacity_ = 0;
  return std::move(body_);
}

}  // namespace muleplex
