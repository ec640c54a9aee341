// SPDX-License-Identifier: GPL-2.0-or-later
#include "frame.h"

#include "failure.h"
#include "test.h"

namespace muleplex {
namespace {

using test::Bytes;
using test::testBytes;

constexpr uint32_t kEpoch = 3;

SecretKey encKey() { return SecretKey(testBytes(kKeySize, 11).data()); }
SecretKey sivKey() { return SecretKey(testBytes(kKeySize, 12).data()); }

FrameHeader headerOf(FrameCodec codec, size_t rawLength) {
  FrameHeader header;
  header.codec = codec;
  header.keyEpoch = kEpoch;
  header.rawLength = static_cast<uint32_t>(rawLength);
  return header;
}

Bytes decode(const FrameHeader& header, const Bytes& frame, bool withSiv = true) {
  const SecretKey siv = sivKey();
  FrameDecoder decoder(encKey(), withSiv ? &siv : nullptr);
  Bytes raw(header.rawLength);
  decoder.decode(header, frame.data(), frame.size(), raw.data(), 5);
  return raw;
}

/// The kind of failure of a decode that must fail, with the index it was given.
FailureKind failureOf(const FrameHeader& header, const Bytes& frame) {
  try {
    decode(header, frame);
  } catch (const Failure& failure) {
    EXPECT(failure.index() == 5);
    return failure.kind();
  }
  test::fail(__FILE__, __LINE__, "the frame was accepted");
}

TEST("the associated data has the documented layout") {
  const Bytes bases = testBytes(64);
  FrameHeader header = headerOf(FrameCodec::kZstdPrefix, 0x01020304);
  header.baseIds = bases.data();
  header.baseCount = 2;
  Bytes expected = test::fromHex(
      "6d756c65706c6578206672616d6500"
      "01"
      "01"
      "03"
      "03000000"
      "04030201"
      "02");
  expected.insert(expected.end(), bases.begin(), bases.end());
  EXPECT(frameAad(header) == expected);
}

TEST("what was encoded is decoded, compressed only where that saves a sixteenth") {
  FrameEncoder encoder(encKey(), sivKey(), kEpoch, 3);
  const Bytes noise = testBytes(5000);
  Bytes mixed = noise;
  mixed.insert(mixed.end(), 200, 0);
  for (const auto& [raw, codec] :
       {std::pair<Bytes, FrameCodec>{Bytes(100'000, 'x'), FrameCodec::kZstd},
        {noise, FrameCodec::kRaw},
        {mixed, FrameCodec::kRaw},
        {Bytes(1, 0), FrameCodec::kRaw},
        {Bytes(kFrameRawMax, 1), FrameCodec::kZstd}}) {
    Bytes frame;
    EXPECT(encoder.encode(raw.data(), raw.size(), frame) == codec);
    EXPECT(decode(headerOf(codec, raw.size()), frame) == raw);
    EXPECT(decode(headerOf(codec, raw.size()), frame, false) == raw);
    if (codec == FrameCodec::kRaw) EXPECT(frame.size() == raw.size() + kFrameOverhead);
  }
}

TEST("equal chunks give equal frames, under another key others") {
  const Bytes raw(1000, 'a');
  Bytes first, second, other;
  FrameEncoder encoder(encKey(), sivKey(), kEpoch, 3);
  encoder.encode(raw.data(), raw.size(), first);
  encoder.encode(raw.data(), raw.size(), second);
  FrameEncoder(sivKey(), encKey(), kEpoch, 3).encode(raw.data(), raw.size(), other);
  EXPECT(first == second && first != other);
}

TEST("a frame with any byte changed, cut or added is refused") {
  const Bytes raw(3000, 'a');
  Bytes frame;
  FrameEncoder(encKey(), sivKey(), kEpoch, 3).encode(raw.data(), raw.size(), frame);
  const FrameHeader header = headerOf(FrameCodec::kZstd, raw.size());
  for (size_t i = 0; i < frame.size(); ++i) {
    Bytes changed = frame;
    changed[i] ^= 0x10;
    EXPECT(failureOf(header, changed) == FailureKind::kCorrupt);
    changed = frame;
    changed.resize(i);
    failureOf(header, changed);
  }
  Bytes longer = frame;
  longer.push_back(0);
  EXPECT(failureOf(header, longer) == FailureKind::kCorrupt);
}

TEST("a frame under another header is refused") {
  const Bytes raw(3000, 'a');
  Bytes frame;
  FrameEncoder(encKey(), sivKey(), kEpoch, 3).encode(raw.data(), raw.size(), frame);
  FrameHeader header = headerOf(FrameCodec::kZstd, raw.size() + 1);
  EXPECT(failureOf(header, frame) == FailureKind::kCorrupt);
  header = headerOf(FrameCodec::kZstd, raw.size());
  header.keyEpoch = kEpoch + 1;
  EXPECT(failureOf(header, frame) == FailureKind::kCorrupt);
  EXPECT(failureOf(headerOf(FrameCodec::kRaw, raw.size()), frame) == FailureKind::kMalformed);
  EXPECT(failureOf(headerOf(FrameCodec::kRaw, frame.size() - kFrameOverhead), frame) ==
         FailureKind::kCorrupt);
  for (const FrameCodec codec : {FrameCodec::kZstdGroup, FrameCodec::kZstdPrefix,
                                 static_cast<FrameCodec>(4), static_cast<FrameCodec>(255)}) {
    EXPECT(failureOf(headerOf(codec, raw.size()), frame) == FailureKind::kUnsupported);
  }
}

TEST("an authentic payload that is not one zstd frame of the raw length is refused") {
  FrameEncoder encoder(encKey(), sivKey(), kEpoch, 3);
  const Bytes raw(3000, 'a');
  Bytes zstd(ZSTD_compressBound(raw.size()));
  zstd.resize(ZSTD_compress(zstd.data(), zstd.size(), raw.data(), raw.size(), 3));
  const auto refusal = [&](const Bytes& payload, size_t rawLength) {
    Bytes frame;
    const FrameHeader header = headerOf(FrameCodec::kZstd, rawLength);
    encoder.seal(header, payload.data(), payload.size(), frame);
    return failureOf(header, frame);
  };
  EXPECT(refusal(zstd, raw.size() - 1) == FailureKind::kMalformed);
  EXPECT(refusal(zstd, raw.size() + 1) == FailureKind::kMalformed);
  EXPECT(refusal(Bytes(20, 7), raw.size()) == FailureKind::kMalformed);
  EXPECT(refusal({}, raw.size()) == FailureKind::kMalformed);
  Bytes twice = zstd;
  twice.insert(twice.end(), zstd.begin(), zstd.end());
  EXPECT(refusal(twice, 2 * raw.size()) == FailureKind::kMalformed);
  // A skippable frame (magic 0x184D2A50, length 0) before or behind the real one.
  const Bytes skippable = test::fromHex("502a4d1800000000");
  Bytes before = skippable, behind = zstd;
  before.insert(before.end(), zstd.begin(), zstd.end());
  behind.insert(behind.end(), skippable.begin(), skippable.end());
  EXPECT(refusal(before, raw.size()) == FailureKind::kMalformed);
  EXPECT(refusal(behind, raw.size()) == FailureKind::kMalformed);
}

TEST("a salt that is not the payload's is refused when K_siv is known") {
  const Bytes raw = testBytes(500);
  Bytes frame;
  const Bytes otherSiv = testBytes(kKeySize, 99);
  FrameEncoder(encKey(), SecretKey(otherSiv.data()), kEpoch, 3)
      .encode(raw.data(), raw.size(), frame);
  const FrameHeader header = headerOf(FrameCodec::kRaw, raw.size());
  EXPECT(decode(header, frame, false) == raw);
  EXPECT(failureOf(header, frame) == FailureKind::kCorrupt);
}

}  // namespace
}  // namespace muleplex
