// SPDX-License-Identifier: GPL-2.0-or-later
// The records that carry a connection between two cores after their handshake: a length, and bytes
// under AES-256-GCM with a counted nonce. Pure: bytes in, bytes out; the caller does the I/O.
//
//   record = length:u32le ciphertext[length - 16] tag[16]      associated data: the length's bytes
#ifndef MULEPLEX_CORE_SECURE_RECORDS_H_
#define MULEPLEX_CORE_SECURE_RECORDS_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "crypto.h"

namespace muleplex {

inline constexpr size_t kRecordHeaderSize = 4;
inline constexpr size_t kRecordOverhead = kRecordHeaderSize + kGcmTagSize;

/// Plain bytes of one record: a data packet between cores fits, and 64 half-read ones are 16 MiB.
inline constexpr size_t kRecordPlainSizeMax = 256 * 1024;

/// Records under one key. The key is then replaced by one derived from it, long before AES-GCM has
/// any need of it: old traffic stays secret if a later key leaks.
inline constexpr uint64_t kRecordsPerKey = 1 << 16;

/// A key of one direction and its record counter.
class RecordCipher {
 public:
  RecordCipher(const SecretKey& key, GcmStream::Direction direction);
  /// `out` takes size + kGcmTagSize bytes, and may be `plain` itself.
  void seal(const uint8_t* header, const uint8_t* plain, size_t size, uint8_t* out);
  [[nodiscard]] bool open(const uint8_t* header, const uint8_t* sealed, size_t size,
                          uint8_t* plain);

 private:
  void countRecord();

  SecretKey key_;
  GcmStream::Direction direction_;
  GcmStream stream_;
  uint64_t counter_ = 0;
};

class RecordEncoder {
 public:
  explicit RecordEncoder(const SecretKey& key) : cipher_(key, GcmStream::Direction::kSeal) {}

  /// Bytes that `size` plain bytes become.
  static size_t sealedSize(size_t size) {
    return size + (size + kRecordPlainSizeMax - 1) / kRecordPlainSizeMax * kRecordOverhead;
  }

  /// Seals all bytes, in as many records as they need; `out` takes sealedSize(size) bytes and does
  /// not overlap them.
  void seal(const uint8_t* plain, size_t size, uint8_t* out);

 private:
  RecordCipher cipher_;
};

/// Takes a stream of records in pieces of any size. It never asks for bytes beyond the record that
/// it is in, so that none of them can belong to something else.
class RecordDecoder {
 public:
  explicit RecordDecoder(const SecretKey& key) : cipher_(key, GcmStream::Direction::kOpen) {}

  /// Where the next bytes go, and how many at most; only when nothing is left to take().
  uint8_t* space();
  size_t spaceSize() const { return wanted_ - filled_; }

  /// Says that so many bytes were put there. False for a length out of bounds and for a record that
  /// is not the next one of the peer; the decoder then takes no more.
  [[nodiscard]] bool put(size_t size);

  /// Opens the record that `data` begins with from where it is, which saves a copy, if none is
  /// begun and all of it is there. Returns its bytes; 0 when they are to go the other way, also for
  /// a record that is not the next one of the peer, after which put() takes no more.
  size_t putWhole(const uint8_t* data, size_t size);

  /// Plain bytes of the last record that were not taken yet.
  size_t available() const { return plainEnd_ - plainStart_; }

  /// The first of them.
  const uint8_t* plain() const { return body_.get() + plainStart_; }

  /// Copies up to `size` of them.
  size_t take(uint8_t* out, size_t size);

  /// True if none of the last record was taken yet.
  bool isWhole() const { return plainStart_ == 0 && plainEnd_ > 0; }

  /// Gives all plain bytes of such a record without a copy.
  std::unique_ptr<uint8_t[]> release();

 private:
  void makeRoom(size_t size);
  bool openBody(const uint8_t* header, const uint8_t* sealed, size_t length);

  RecordCipher cipher_;
  uint8_t header_[kRecordHeaderSize];
  std::unique_ptr<uint8_t[]> body_;
  size_t bodyCapacity_ = 0;
  bool inBody_ = false;
  size_t filled_ = 0;
  size_t wanted_ = kRecordHeaderSize;
  size_t plainStart_ = 0;
  size_t plainEnd_ = 0;
  bool failed_ = false;
};

}  // namespace muleplex

#endif  // MULEPLEX_CORE_SECURE_RECORDS_H_
