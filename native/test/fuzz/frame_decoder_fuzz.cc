// SPDX-License-Identifier: GPL-2.0-or-later
// Frames of any bytes, and authentic frames of any payload under any header, are decoded or refused
// with a Failure, within the raw length that the header names.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "check.h"
#include "failure.h"
#include "frame.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace muleplex;
  static const uint8_t kKey[kKeySize] = {1};
  static const SecretKey kSecret(kKey);
  static FrameEncoder encoder(kSecret, kSecret, 0, 1);
  static FrameDecoder decoder(kSecret, &kSecret);
  if (size < 6) return 0;
  FrameHeader header;
  header.codec = static_cast<FrameCodec>(data[0] & 7);
  uint32_t rawLength;
  std::memcpy(&rawLength, data + 1, sizeof rawLength);
  header.rawLength = rawLength % (1 << 17) + 1;
  const bool isAuthentic = (data[5] & 1) != 0;
  static const uint8_t kBase[kBaseIdSize] = "what a delta may be taken from";
  std::vector<ByteSpan> bases((data[5] >> 1) % (kBaseCountMax + 1), ByteSpan(kBase));
  static const std::vector<uint8_t> kBaseIds(kBaseCountMax * kBaseIdSize, 9);
  header.baseIds = kBaseIds.data();
  header.baseCount = bases.size();
  data += 6;
  size -= 6;
  std::vector<uint8_t> frame(data, data + size);
  if (isAuthentic) {
    frame.resize(size + kFrameOverhead);
    encoder.seal(header, data, size, frame.data());
  }
  std::vector<uint8_t> raw(header.rawLength);
  try {
    decoder.decode(header, bases, frame, raw.data(), 0);
    MULEPLEX_CHECK(isAuthentic && header.codec <= FrameCodec::kZstdPrefix);
  } catch (const Failure&) {
    // A raw payload of the right length without bases has nothing to refuse.
    MULEPLEX_CHECK(!isAuthentic || header.codec != FrameCodec::kRaw || size != header.rawLength ||
                   header.baseCount > 0);
  }
  return 0;
}
