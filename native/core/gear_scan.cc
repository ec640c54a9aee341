// SPDX-License-Identifier: GPL-2.0-or-later
#include "gear_scan.h"

#include <algorithm>
#include <array>
#include <vector>

#include "check.h"
#include "cpu_level.h"

namespace muleplex {
namespace {

constexpr size_t kLanes = 2;
/// What the kernels of vectors take is a multiple of this.
constexpr size_t kVectorStep = 256;

template <GearResult kResult>
class Scan {
 public:
  Scan(const GearTable& table, const uint8_t* data, uint32_t below, uint32_t* out)
      : gear_(table.all.data()), data_(data), below_(below), out_(out) {}

  size_t run(size_t from, size_t to) {
    // One stretch alone would wait for its own last step.
    const size_t stretch = (to - from) / kLanes;
    const uint32_t* const gear = gear_;
    const uint32_t below = below_;
    std::array<const uint8_t*, kLanes> at{};
    std::array<uint32_t, kLanes> hash{};
    for (size_t lane = 0; lane < kLanes; ++lane) {
      at[lane] = data_ + from + lane * stretch;
      hash[lane] = hashAt(from + lane * stretch);
    }
    for (size_t i = 0; i < stretch; ++i) {
      bool isHit = false;
      for (size_t lane = 0; lane < kLanes; ++lane) {
        hash[lane] = (hash[lane] << 1) + gear[at[lane][i]];
        isHit |= hash[lane] < below;
      }
      if (!isHit) [[likely]] continue;
      for (size_t lane = 0; lane < kLanes; ++lane) take(hash[lane], from + lane * stretch + i);
    }
    uint32_t last = hash[kLanes - 1];
    for (size_t i = from + kLanes * stretch; i < to; ++i) {
      last = roll(last, i);
      take(last, i);
    }
    return count_;
  }

 private:
  uint32_t roll(uint32_t hash, size_t at) const { return (hash << 1) + gear_[data_[at]]; }

  uint32_t hashAt(size_t position) const {
    uint32_t hash = 0;
    for (size_t i = position - kGearWindow; i < position; ++i) hash = roll(hash, i);
    return hash;
  }

  /// `at` is the last byte of the window.
  void take(uint32_t hash, size_t at) {
    if (hash >= below_) return;
    out_[count_++] = kResult == GearResult::kHashes ? hash : static_cast<uint32_t>(at + 1);
  }

  const uint32_t* gear_;
  const uint8_t* data_;
  uint32_t below_;
  uint32_t* out_;
  size_t count_ = 0;
};

}  // namespace

template <GearResult kResult>
std::span<const uint32_t> gearScan(const GearTable& table, const uint8_t* data, size_t from,
                                   size_t to, uint32_t below) {
  MULEPLEX_CHECK(kGearWindow <= from && from <= to && to - from <= kGearScanMax);
  thread_local std::vector<uint32_t> found(kGearScanMax + kGearScanSlack);
  size_t count = 0;
#if defined(__x86_64__)
  if (cpuLevel() == CpuLevel::kAvx512) {
    const size_t end = to - (to - from) % kVectorStep;
    count = gearScanAvx512<kResult>(table, data, from, end, below, found.data());
    from = end;
  }
#endif
  count += Scan<kResult>(table, data, below, found.data() + count).run(from, to);
  return std::span(found).first(count);
}

template std::span<const uint32_t> gearScan<GearResult::kPositions>(const GearTable&,
                                                                    const uint8_t*, size_t, size_t,
                                                                    uint32_t);
template std::span<const uint32_t> gearScan<GearResult::kHashes>(const GearTable&, const uint8_t*,
                                                                 size_t, size_t, uint32_t);

}  // namespace muleplex
