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

Bytes decode(const FrameHeader& header, const Bytes& frame, bool withSiv = true,
             std::span<const ByteSpan> bases = {}) {
  const SecretKey siv = sivKey();
  FrameDecoder decoder(encKey(), withSiv ? &siv : nullptr);
  Bytes raw(header.rawLength);
  decoder.decode(header, bases, frame, raw.data(), 5);
  return raw;
}

/// The frames of a group, end to end.
Bytes encode(FrameEncoder& encoder, const ChunkGroup& group, std::vector<EncodedFrame>& frames) {
  size_t room = 0;
  for (const ByteSpan chunk : group.chunks) room += chunk.size() + kFrameOverhead;
  Bytes out(room);
  encoder.encode(group, out, frames);
  size_t used = 0;
  for (const EncodedFrame& frame : frames) used += frame.length;
  EXPECT(used <= room);
  out.resize(used);
  return out;
}

/// The frame of a chunk alone.
Bytes frameOf(FrameEncoder& encoder, const Bytes& raw) {
  std::vector<EncodedFrame> frames;
  Bytes frame = encode(encoder, {.chunks = {ByteSpan(raw)}}, frames);
  EXPECT(frames.size() == 1);
  return frame;
}

Bytes frameOf(const Bytes& raw) {
  FrameEncoder encoder(encKey(), sivKey(), kEpoch, 3);
  return frameOf(encoder, raw);
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
    std::vector<EncodedFrame> frames;
    const Bytes frame = encode(encoder, {.chunks = {ByteSpan(raw)}}, frames);
    EXPECT(frames.size() == 1 && frames[0].codec == codec && frames[0].rawLength == raw.size());
    EXPECT(frames[0].length == frame.size() && frames[0].chunks == std::vector<uint32_t>{0});
    EXPECT(decode(headerOf(codec, raw.size()), frame) == raw);
    EXPECT(decode(headerOf(codec, raw.size()), frame, false) == raw);
    if (codec == FrameCodec::kRaw) EXPECT(frame.size() == raw.size() + kFrameOverhead);
  }
}

TEST("equal chunks give equal frames, under another key others") {
  const Bytes raw(1000, 'a');
  FrameEncoder encoder(encKey(), sivKey(), kEpoch, 3);
  FrameEncoder other(sivKey(), encKey(), kEpoch, 3);
  const Bytes frame = frameOf(encoder, raw);
  EXPECT(frame == frameOf(encoder, raw));
  EXPECT(frame != frameOf(other, raw));
}

TEST("chunks of a group share a frame, but for those that do not compress") {
  const std::vector<Bytes> chunks = {Bytes(3000, 'a'), testBytes(4000, 1), Bytes(5000, 'b'),
                                     testBytes(6000, 2)};
  ChunkGroup group;
  for (const Bytes& chunk : chunks) group.chunks.emplace_back(chunk);
  FrameEncoder encoder(encKey(), sivKey(), kEpoch, 3);
  std::vector<EncodedFrame> frames;
  const Bytes out = encode(encoder, group, frames);
  EXPECT(frames.size() == 3);
  size_t offset = 0;
  for (const EncodedFrame& frame : frames) {
    const Bytes bytes(out.begin() + static_cast<ptrdiff_t>(offset),
                      out.begin() + static_cast<ptrdiff_t>(offset + frame.length));
    offset += frame.length;
    Bytes expected;
    for (const uint32_t index : frame.chunks) {
      expected.insert(expected.end(), chunks[index].begin(), chunks[index].end());
    }
    EXPECT(decode(headerOf(frame.codec, frame.rawLength), bytes) == expected);
    const bool isGroup = frame.codec == FrameCodec::kZstdGroup;
    EXPECT(isGroup == (frame.chunks == std::vector<uint32_t>{0, 2}));
    EXPECT(isGroup || frame.codec == FrameCodec::kRaw);
  }
  EXPECT(offset == out.size());
}

TEST("a delta needs its bases, in their order") {
  const Bytes first = testBytes(50'000, 1), second = testBytes(60'000, 2);
  Bytes changed = second;
  changed[30'000] ^= 1;
  const Bytes ids = testBytes(2 * kBaseIdSize, 3);
  FrameEncoder encoder(encKey(), sivKey(), kEpoch, 3);
  std::vector<EncodedFrame> frames;
  const std::vector<ByteSpan> bases = {ByteSpan(first), ByteSpan(second)};
  const Bytes frame = encode(encoder,
                             {.chunks = {ByteSpan(changed), ByteSpan(first)}, .bases = bases,
                              .baseIds = ids.data()},
                             frames);
  EXPECT(frames.size() == 1 && frames[0].codec == FrameCodec::kZstdPrefix);
  EXPECT(frame.size() < 500);
  FrameHeader header = headerOf(FrameCodec::kZstdPrefix, frames[0].rawLength);
  header.baseIds = ids.data();
  header.baseCount = 2;
  Bytes expected = changed;
  expected.insert(expected.end(), first.begin(), first.end());
  EXPECT(decode(header, frame, true, bases) == expected);
  const std::vector<ByteSpan> swapped = {ByteSpan(second), ByteSpan(first)};
  bool isOther = false;
  try {
    isOther = decode(header, frame, true, swapped) != expected;
  } catch (const Failure& failure) {
    isOther = failure.kind() == FailureKind::kMalformed;
  }
  EXPECT(isOther);
  header.baseCount = 0;
  EXPECT(failureOf(header, frame) == FailureKind::kMalformed);
}

TEST("bases that are no help are left out") {
  const Bytes unlike = testBytes(50'000, 1), noise = testBytes(40'000, 2);
  const Bytes text(40'000, 't'), ids(kBaseIdSize, 1);
  FrameEncoder encoder(encKey(), sivKey(), kEpoch, 3);
  for (const auto& [raw, codec] : {std::pair<const Bytes&, FrameCodec>{noise, FrameCodec::kRaw},
                                   {text, FrameCodec::kZstdPrefix}}) {
    std::vector<EncodedFrame> frames;
    encode(encoder,
           {.chunks = {ByteSpan(raw)}, .bases = {ByteSpan(unlike)}, .baseIds = ids.data()}, frames);
    // Text that all but vanishes is not tried twice.
    EXPECT(frames.size() == 1 && frames[0].codec == codec);
  }
}

TEST("a frame with any byte changed, cut or added is refused") {
  const Bytes raw(3000, 'a');
  const Bytes frame = frameOf(raw);
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
  const Bytes frame = frameOf(raw);
  FrameHeader header = headerOf(FrameCodec::kZstd, raw.size() + 1);
  EXPECT(failureOf(header, frame) == FailureKind::kCorrupt);
  header = headerOf(FrameCodec::kZstd, raw.size());
  header.keyEpoch = kEpoch + 1;
  EXPECT(failureOf(header, frame) == FailureKind::kCorrupt);
  EXPECT(failureOf(headerOf(FrameCodec::kRaw, raw.size()), frame) == FailureKind::kMalformed);
  EXPECT(failureOf(headerOf(FrameCodec::kRaw, frame.size() - kFrameOverhead), frame) ==
         FailureKind::kCorrupt);
  EXPECT(failureOf(headerOf(FrameCodec::kZstdGroup, raw.size()), frame) == FailureKind::kCorrupt);
  EXPECT(failureOf(headerOf(FrameCodec::kZstdPrefix, raw.size()), frame) ==
         FailureKind::kMalformed);
  for (const uint8_t codec : {4, 255}) {
    EXPECT(failureOf(headerOf(static_cast<FrameCodec>(codec), raw.size()), frame) ==
           FailureKind::kUnsupported);
  }
}

TEST("an authentic payload that is not one zstd frame of the raw length is refused") {
  FrameEncoder encoder(encKey(), sivKey(), kEpoch, 3);
  const Bytes raw(3000, 'a');
  Bytes zstd(ZSTD_compressBound(raw.size()));
  zstd.resize(ZSTD_compress(zstd.data(), zstd.size(), raw.data(), raw.size(), 3));
  const auto refusal = [&](const Bytes& payload, size_t rawLength) {
    Bytes frame(payload.size() + kFrameOverhead);
    const FrameHeader header = headerOf(FrameCodec::kZstd, rawLength);
    encoder.seal(header, payload.data(), payload.size(), frame.data());
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
  const Bytes otherSiv = testBytes(kKeySize, 99);
  FrameEncoder encoder(encKey(), SecretKey(otherSiv.data()), kEpoch, 3);
  const Bytes frame = frameOf(encoder, raw);
  const FrameHeader header = headerOf(FrameCodec::kRaw, raw.size());
  EXPECT(decode(header, frame, false) == raw);
  EXPECT(failureOf(header, frame) == FailureKind::kCorrupt);
}

}  // namespace
}  // namespace muleplex
