// SPDX-License-Identifier: GPL-2.0-or-later
// How many blocks a source should have been asked for and not sent yet: what it sends, at its
// present rate, in a bit more than a round trip, so that it never runs out of requests. A window
// that limits the rate grows by that: the rate follows it.
#ifndef MULEPLEX_CORE_REQUEST_WINDOW_H_
#define MULEPLEX_CORE_REQUEST_WINDOW_H_

#include <cstdint>

namespace muleplex {

/// Times are milliseconds of any clock that wraps at 2^32.
class RequestWindow {
 public:
  void dataReceived(uint32_t bytes, uint32_t nowMs);
  /// The first data of a block has come, that long after its request.
  void blockStarted(uint32_t latencyMs);
  /// In blocks.
  uint32_t size() const;

 private:
  uint32_t bytesPerSecond_ = 0;
  uint32_t intervalStartMs_ = 0;
  uint32_t intervalBytes_ = 0;
  uint32_t lastDataMs_ = 0;
  uint32_t leastLatencyMs_ = 0;
};

}  // namespace muleplex

#endif  // MULEPLEX_CORE_REQUEST_WINDOW_H_
