// SPDX-License-Identifier: GPL-2.0-or-later
#include "request_window.h"

#include <algorithm>

#include "ed2k_layout.h"

namespace muleplex {
namespace {

/// Bounds in blocks. The upper one is 45 MiB, 1 Gbit/s over more than 300 ms.
constexpr uint64_t kSizeMin = 8;
constexpr uint64_t kSizeMax = 256;

/// The window holds the data of this time, or of three round trips if that is longer.
constexpr uint32_t kTimeMinMs = 500;

constexpr uint32_t kMeasureMs = 200;
/// Without data for so long, the rate is measured afresh.
constexpr uint32_t kIdleMs = 1000;

}  // namespace

void RequestWindow::dataReceived(uint32_t bytes, uint32_t nowMs) {
  if (nowMs - lastDataMs_ > kIdleMs) {
    intervalStartMs_ = nowMs;
    intervalBytes_ = 0;
  }
  lastDataMs_ = nowMs;
  intervalBytes_ += bytes;

  const uint32_t elapsedMs = nowMs - intervalStartMs_;
  if (elapsedMs >= kMeasureMs) {
    const uint64_t rate = uint64_t{intervalBytes_} * 1000 / elapsedMs;
    // Up at once, down slowly: a short pause must not shut the window.
    bytesPerSecond_ = static_cast<uint32_t>(
        rate > bytesPerSecond_ ? rate : (uint64_t{bytesPerSecond_} * 7 + rate) / 8);
    intervalStartMs_ = nowMs;
    intervalBytes_ = 0;
  }
}

void RequestWindow::blockStarted(uint32_t latencyMs) {
  leastLatencyMs_ = leastLatencyMs_ > 0 ? std::min(leastLatencyMs_, latencyMs) : latencyMs;
}

uint32_t RequestWindow::size() const {
  const uint64_t timeMs = std::max(kTimeMinMs, 3 * leastLatencyMs_);
  const uint64_t blocks = bytesPerSecond_ * timeMs / 1000 / kBlockSize;
  return static_cast<uint32_t>(std::clamp(blocks, kSizeMin, kSizeMax));
}

}  // namespace muleplex
