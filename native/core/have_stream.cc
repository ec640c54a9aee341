// SPDX-License-Identifier: GPL-2.0-or-later
#include "have_stream.h"

#include <algorithm>
#include <utility>

#include "check.h"
#include "ed2k_layout.h"
#include "little_endian.h"

namespace muleplex {
namespace {

enum Kind : uint8_t {
  kReset,
  kWant,
  kLeave,
  kParts,
  kAll,
  kNone,
  kHas,
  kBegun,
  kLost,
  kAsk,
  kAlive,
  kAgain,
  kBlocks,
};

constexpr size_t kSequenceSize = 4;

constexpr size_t kHaveBlocksMax = (kPartSize + kBlockSize - 1) / kBlockSize;

size_t bitmapSize(size_t count) { return (count + 7) / 8; }

/// Reads records; stops for good at the first that is malformed.
class Records {
 public:
  Records(const uint8_t* data, size_t size) : data_(data), left_(size) {}

  bool isMalformed() const { return isMalformed_; }

  /// Tells the next record, to nobody if there is no listener. False at the end.
  bool next(HaveListener* listener) {
    if (left_ == 0 || isMalformed_) return false;
    const uint8_t kind = *take(1);
    if (kind == kReset) {
      if (listener) listener->onReset();
    } else if (kind == kAgain) {
      if (listener) listener->onAgain();
    } else if (kind == kAsk || kind == kAlive) {
      const uint32_t token = takeU32();
      if (!isMalformed_ && listener) {
        kind == kAsk ? listener->onAsk(token) : listener->onAlive(token);
      }
    } else if (kind <= kLost || kind == kBlocks) {
      tellFile(kind, listener);
    } else {
      isMalformed_ = true;
    }
    return !isMalformed_;
  }

 private:
  void tellFile(uint8_t kind, HaveListener* listener) {
    HaveHash file;
    const uint8_t* bytes = take(file.size());
    if (!bytes) return;
    std::copy(bytes, bytes + file.size(), file.begin());
    if (kind == kParts) {
      tellParts(file, listener);
    } else if (kind >= kHas) {
      const uint32_t part = takeU32();
      const HaveBlocks blocks = kind == kBegun || kind == kBlocks ? takeBlocks() : 0;
      isMalformed_ |= part >= kHavePartsMax;
      if (isMalformed_ || !listener) return;
      if (kind == kHas) listener->onHas(file, part);
      if (kind == kBegun) listener->onBegun(file, part, blocks);
      if (kind == kLost) listener->onLost(file, part);
      if (kind == kBlocks) listener->onBlocks(file, part, blocks);
    } else if (listener) {
      if (kind == kWant) listener->onWant(file);
      if (kind == kLeave) listener->onLeave(file);
      if (kind == kAll) listener->onAll(file);
      if (kind == kNone) listener->onNone(file);
    }
  }

  void tellParts(const HaveHash& file, HaveListener* listener) {
    const uint32_t count = takeU32();
    if (isMalformed_ || count > kHavePartsMax) {
      isMalformed_ = true;
      return;
    }
    const uint8_t* has = take(bitmapSize(count));
    const uint8_t* begun = take(bitmapSize(count));
    if (isMalformed_ || !listener) return;
    listener->onParts(file, setOf(has, count), setOf(begun, count));
  }

  static HaveParts setOf(const uint8_t* bits, uint32_t count) {
    HaveParts set(count);
    for (uint32_t i = 0; i < count; ++i) set[i] = (bits[i / 8] >> (i % 8)) & 1;
    return set;
  }

  /// Null, and malformed, if there is less.
  const uint8_t* take(size_t size) {
    isMalformed_ |= size > left_;
    if (isMalformed_) return nullptr;
    const uint8_t* taken = data_;
    data_ += size;
    left_ -= size;
    return taken;
  }

  uint32_t takeU32() {
    const uint8_t* bytes = take(4);
    if (!bytes) return 0;
    return u32At(bytes);
  }

  HaveBlocks takeBlocks() {
    const HaveBlocks low = takeU32();
    const HaveBlocks blocks = low | static_cast<HaveBlocks>(takeU32()) << 32;
    isMalformed_ |= blocks >> kHaveBlocksMax != 0;
    return blocks;
  }

  const uint8_t* data_;
  size_t left_;
  bool isMalformed_ = false;
};

}  // namespace

void HaveWriter::reset() { begin(kReset, 0); }

void HaveWriter::want(const HaveHash& file) {
  begin(kWant, file.size());
  put(file);
}

void HaveWriter::leave(const HaveHash& file) {
  begin(kLeave, file.size());
  put(file);
}

void HaveWriter::parts(const HaveHash& file, const HaveParts& has, const HaveParts& begun) {
  MULEPLEX_CHECK(has.size() == begun.size() && has.size() <= kHavePartsMax);
  begin(kParts, file.size() + 4 + 2 * bitmapSize(has.size()));
  put(file);
  put(static_cast<uint32_t>(has.size()));
  put(has);
  put(begun);
}

void HaveWriter::all(const HaveHash& file) {
  begin(kAll, file.size());
  put(file);
}

void HaveWriter::none(const HaveHash& file) {
  begin(kNone, file.size());
  put(file);
}

void HaveWriter::has(const HaveHash& file, uint32_t part) {
  begin(kHas, file.size() + 4);
  put(file);
  put(part);
}

void HaveWriter::begun(const HaveHash& file, uint32_t part, HaveBlocks blocks) {
  begin(kBegun, file.size() + 12);
  put(file);
  put(part);
  put(blocks);
}

void HaveWriter::lost(const HaveHash& file, uint32_t part) {
  begin(kLost, file.size() + 4);
  put(file);
  put(part);
}

void HaveWriter::blocks(const HaveHash& file, uint32_t part, HaveBlocks blocks) {
  begin(kBlocks, file.size() + 12);
  put(file);
  put(part);
  put(blocks);
}

void HaveWriter::ask(uint32_t token) {
  begin(kAsk, 4);
  put(token);
}

void HaveWriter::alive(uint32_t token) {
  begin(kAlive, 4);
  put(token);
}

void HaveWriter::again() { begin(kAgain, 0); }

std::vector<std::vector<uint8_t>> HaveWriter::take() {
  close();
  return std::move(full_);
}

void HaveWriter::begin(uint8_t kind, size_t bodySize) {
  if (open_.size() + 1 + bodySize > kHavePacketMax) close();
  if (open_.empty()) put(sequence_);
  open_.push_back(kind);
  ++sequence_;
}

void HaveWriter::put(uint32_t value) {
  appendU32(open_, value);
}

void HaveWriter::put(uint64_t value) {
  put(static_cast<uint32_t>(value));
  put(static_cast<uint32_t>(value >> 32));
}

void HaveWriter::put(const HaveHash& file) { open_.insert(open_.end(), file.begin(), file.end()); }

void HaveWriter::put(const HaveParts& set) {
  const size_t start = open_.size();
  open_.resize(start + bitmapSize(set.size()));
  for (size_t i = 0; i < set.size(); ++i) open_[start + i / 8] |= set[i] << (i % 8);
}

void HaveWriter::close() {
  if (!open_.empty()) full_.push_back(std::move(open_));
  open_.clear();
}

HaveReader::Result HaveReader::read(const uint8_t* packet, size_t size, HaveListener& listener) {
  if (size <= kSequenceSize || size > kHavePacketMax) return Result::kMalformed;
  const uint32_t sequence = u32At(packet);
  packet += kSequenceSize;
  size -= kSequenceSize;

  Records check(packet, size);
  uint32_t count = 0;
  while (check.next(nullptr)) ++count;
  if (check.isMalformed()) return Result::kMalformed;

  const bool isFresh = packet[0] == kReset;
  if (isLost_ && !isFresh) return Result::kSkipped;
  if (sequence != expected_ && !isFresh) {
    isLost_ = true;
    return Result::kMissed;
  }
  isLost_ = false;
  expected_ = sequence + count;
  Records records(packet, size);
  while (records.next(&listener)) {
  }
  return Result::kTold;
}

}  // namespace muleplex
