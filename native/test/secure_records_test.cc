// SPDX-License-Identifier: GPL-2.0-or-later
#include "secure_records.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "test.h"

namespace muleplex {
namespace {

using test::Bytes;
using test::testBytes;
using test::toHex;

SecretKey testKey(uint64_t seed) { return SecretKey(testBytes(kKeySize, seed).data()); }

Bytes sealed(RecordEncoder& encoder, const Bytes& plain) {
  Bytes out(RecordEncoder::sealedSize(plain.size()));
  encoder.seal(plain.data(), plain.size(), out.data());
  return out;
}

/// Feeds pieces of `piece` bytes; false when the decoder refuses one of them.
bool feed(RecordDecoder& decoder, const Bytes& stream, size_t piece, Bytes& plain) {
  uint8_t out[1000];
  for (size_t start = 0; start < stream.size();) {
    const size_t taken = std::min({piece, decoder.spaceSize(), stream.size() - start});
    std::memcpy(decoder.space(), stream.data() + start, taken);
    start += taken;
    if (!decoder.put(taken)) return false;
    while (const size_t got = decoder.take(out, sizeof out)) {
      plain.insert(plain.end(), out, out + got);
    }
  }
  return true;
}

TEST("records come out as they went in, whatever the cuts") {
  for (size_t piece : {1, 3, 4, 20, 4096, 1 << 20}) {
    RecordEncoder encoder(testKey(1));
    RecordDecoder decoder(testKey(1));
    Bytes all, stream;
    for (size_t size : {1, 6, 100, 5000}) {
      const Bytes plain = testBytes(size, size);
      const Bytes record = sealed(encoder, plain);
      EXPECT(record.size() == plain.size() + kRecordOverhead);
      all.insert(all.end(), plain.begin(), plain.end());
      stream.insert(stream.end(), record.begin(), record.end());
    }
    Bytes plain;
    EXPECT(feed(decoder, stream, piece, plain) && plain == all);
  }
}

TEST("records that are there as a whole are opened where they are, others in pieces") {
  for (size_t cut = 0; cut < 200; cut += 7) {
    RecordEncoder encoder(testKey(1));
    RecordDecoder decoder(testKey(1));
    Bytes all, stream, plain;
    for (size_t size : {5, 60, 1, 90, 20}) {
      const Bytes bytes = testBytes(size, size);
      all.insert(all.end(), bytes.begin(), bytes.end());
      const Bytes record = sealed(encoder, bytes);
      stream.insert(stream.end(), record.begin(), record.end());
    }
    const Bytes before = stream;
    size_t opened = 0;
    // What is left of the first read goes in pieces, and what comes after it again where it is.
    for (const auto& [start, end] : {std::pair(size_t{0}, cut), std::pair(cut, stream.size())}) {
      for (size_t at = start; at < end;) {
        const size_t whole = decoder.putWhole(stream.data() + at, end - at);
        size_t taken = whole;
        if (whole == 0) {
          taken = std::min(decoder.spaceSize(), end - at);
          std::memcpy(decoder.space(), stream.data() + at, taken);
          EXPECT(decoder.put(taken));
        }
        opened += whole > 0 ? 1 : 0;
        at += taken;
        Bytes out(decoder.available());
        decoder.take(out.data(), out.size());
        plain.insert(plain.end(), out.begin(), out.end());
      }
    }
    EXPECT(plain == all && stream == before && opened >= 4);
  }
}

TEST("a whole record that is not the next one is refused, and so is all that follows") {
  RecordEncoder encoder(testKey(1));
  const Bytes first = sealed(encoder, testBytes(50, 1)), second = sealed(encoder, testBytes(50, 2));
  RecordDecoder decoder(testKey(1));
  EXPECT(decoder.putWhole(second.data(), second.size()) == 0 && decoder.available() == 0);
  EXPECT(decoder.putWhole(first.data(), first.size()) == 0 && !decoder.put(0));
  RecordDecoder other(testKey(1));
  EXPECT(other.putWhole(first.data(), first.size() - 1) == 0);
  EXPECT(other.putWhole(first.data(), first.size()) == first.size() && other.available() == 50);
}

TEST("the plain bytes of a record can be kept while the next ones come") {
  RecordEncoder encoder(testKey(1));
  RecordDecoder decoder(testKey(1));
  const Bytes first = testBytes(5000, 1), second = testBytes(6000, 2), third = testBytes(10, 3);
  Bytes plain;
  const auto feedRecord = [&](const Bytes& record) {
    for (size_t start = 0; start < record.size();) {
      const size_t taken = std::min(decoder.spaceSize(), record.size() - start);
      std::memcpy(decoder.space(), record.data() + start, taken);
      start += taken;
      EXPECT(decoder.put(taken));
    }
  };
  feedRecord(sealed(encoder, first));
  EXPECT(decoder.available() == first.size());
  EXPECT(std::equal(first.begin(), first.end(), decoder.plain()));
  const auto kept = decoder.release();
  EXPECT(decoder.available() == 0);
  feedRecord(sealed(encoder, second));
  const auto keptToo = decoder.release();
  EXPECT(feed(decoder, sealed(encoder, third), 7, plain) && plain == third);
  EXPECT(std::equal(first.begin(), first.end(), kept.get()));
  EXPECT(std::equal(second.begin(), second.end(), keptToo.get()));
}

TEST("more bytes than a record holds become several records") {
  RecordEncoder encoder(testKey(1));
  RecordDecoder decoder(testKey(1));
  const Bytes plain = testBytes(2 * kRecordPlainSizeMax + 1);
  const Bytes stream = sealed(encoder, plain);
  EXPECT(stream.size() == plain.size() + 3 * kRecordOverhead);
  Bytes opened;
  EXPECT(feed(decoder, stream, 60000, opened) && opened == plain);
}

TEST("a changed, left out, repeated or swapped record is refused, and so is all that follows") {
  RecordEncoder encoder(testKey(1));
  const Bytes first = sealed(encoder, testBytes(50, 1)), second = sealed(encoder, testBytes(50, 2));
  const auto isRefused = [](const std::vector<Bytes>& records) {
    RecordDecoder decoder(testKey(1));
    Bytes plain;
    for (const Bytes& record : records) {
      if (!feed(decoder, record, record.size(), plain)) {
        return !decoder.put(0) && decoder.available() == 0;
      }
    }
    return false;
  };
  EXPECT(!isRefused({first, second}));
  EXPECT(isRefused({second}));
  EXPECT(isRefused({first, first}));
  EXPECT(isRefused({second, first}));
  for (size_t i = 0; i < first.size(); ++i) {
    Bytes changed = first;
    changed[i] ^= 1;
    // A length that grows within its bounds makes the decoder wait for bytes that fill it up.
    Bytes rest(i < kRecordHeaderSize ? kRecordPlainSizeMax : 0);
    EXPECT(isRefused({changed, rest, Bytes(1)}));
  }
}

TEST("lengths out of bounds are refused before any body") {
  for (uint32_t length : {uint32_t{0}, uint32_t{kGcmTagSize},
                          uint32_t{kRecordPlainSizeMax + kGcmTagSize + 1}, UINT32_MAX}) {
    RecordDecoder decoder(testKey(1));
    uint8_t* space = decoder.space();
    for (int i = 0; i < 4; ++i) space[i] = static_cast<uint8_t>(length >> (8 * i));
    EXPECT(!decoder.put(kRecordHeaderSize));
  }
}

TEST("the key is replaced after so many records, on both sides alike") {
  RecordEncoder encoder(testKey(1));
  RecordDecoder decoder(testKey(1));
  RecordCipher sameKey(testKey(1), GcmStream::Direction::kOpen);
  const Bytes one{7};
  for (uint64_t i = 0; i < kRecordsPerKey; ++i) {
    Bytes plain;
    EXPECT(feed(decoder, sealed(encoder, one), 100, plain) && plain == one);
  }
  const Bytes after = sealed(encoder, one);
  // The first key with the right counter does not open it any more.
  GcmStream old(testKey(1), GcmStream::Direction::kOpen);
  uint8_t opened;
  EXPECT(!old.open(kRecordsPerKey, after.data(), kRecordHeaderSize,
                   after.data() + kRecordHeaderSize, 1, &opened));
  Bytes plain;
  EXPECT(feed(decoder, after, 100, plain) && plain == one);
}

}  // namespace
}  // namespace muleplex
