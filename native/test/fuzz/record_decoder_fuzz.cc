// SPDX-License-Identifier: GPL-2.0-or-later
// A stream of records that was changed or made up, fed in pieces of any size: what comes out is the
// beginning of what went in, and never more than the bound is asked for.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "check.h"
#include "secure_records.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace muleplex;
  static const uint8_t kBytes[kKeySize] = {2};
  static const SecretKey kKey(kBytes);
  if (size < 4) return 0;
  const uint8_t choice = data[0], piece = data[1], at = data[2];
  data += 3;
  size -= 3;
  std::vector<uint8_t> stream;
  RecordEncoder encoder(kKey);
  if ((choice & 1) == 0) {
    // Several records, the first of which may be longer than one.
    const size_t step = (choice & 2) != 0 ? size : 1 + size / 3;
    for (size_t start = 0; start < size; start += step) {
      const size_t taken = std::min(step, size - start);
      const size_t before = stream.size();
      stream.resize(before + RecordEncoder::sealedSize(taken));
      encoder.seal(data + start, taken, stream.data() + before);
    }
    if ((choice & 4) != 0) stream[(size_t{at} * 257) % stream.size()] ^= choice | 1;
  } else {
    stream.assign(data, data + size);
  }
  RecordDecoder decoder(kKey);
  std::vector<uint8_t> plain;
  uint8_t out[100];
  for (size_t start = 0; start < stream.size();) {
    MULEPLEX_CHECK(decoder.spaceSize() <= kRecordPlainSizeMax + kRecordOverhead);
    const size_t left = stream.size() - start;
    const size_t whole =
        (choice & 16) != 0
            ? decoder.putWhole(stream.data() + start, std::min(left, 4 * (size_t{piece} + 1)))
            : 0;
    MULEPLEX_CHECK(whole <= left && (whole > 0) == (decoder.available() > 0));
    const size_t taken =
        whole > 0 ? whole : std::min({decoder.spaceSize(), left, size_t{piece} + 1});
    if (whole == 0) std::memcpy(decoder.space(), stream.data() + start, taken);
    start += taken;
    if (whole == 0 && !decoder.put(taken)) {
      MULEPLEX_CHECK((choice & 5) != 0);
      break;
    }
    if ((choice & 8) != 0 && decoder.available() > 0) {
      const size_t got = decoder.available();
      const auto released = decoder.release();
      plain.insert(plain.end(), released.get(), released.get() + got);
    }
    while (const size_t got = decoder.take(out, sizeof out)) {
      plain.insert(plain.end(), out, out + got);
    }
  }
  MULEPLEX_CHECK(plain.size() <= size && std::equal(plain.begin(), plain.end(), data));
  MULEPLEX_CHECK((choice & 5) != 0 || plain.size() == size);
  MULEPLEX_CHECK((choice & 1) == 0 || plain.empty());
  return 0;
}
