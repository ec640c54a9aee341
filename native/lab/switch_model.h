// SPDX-License-Identifier: GPL-2.0-or-later
// What the lab's switch does to frames, as a function of time and without any I/O: each port has a
// link to the switch with a rate and a drop-tail queue each way, each pair of ports a delay, random
// loss and cuts.
#ifndef MULEPLEX_LAB_SWITCH_MODEL_H_
#define MULEPLEX_LAB_SWITCH_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <queue>
#include <vector>

namespace muleplex::lab {

/// Nanoseconds of a monotonic clock.
using Time = int64_t;

constexpr Time kMicrosecond = 1000;
constexpr Time kMillisecond = 1000 * kMicrosecond;
constexpr Time kSecond = 1000 * kMillisecond;
constexpr Time kNever = INT64_MAX;

/// One direction of a port's link: frames leave it one after another at its rate.
class Shaper {
 public:
  /// 0 bits per second is no limit.
  void setRate(uint64_t bitsPerSecond) { rate_ = bitsPerSecond; }
  void setQueue(uint64_t bytes) { queue_ = bytes; }

  /// When a frame that comes now has left; nothing when the queue has no room for it. Calls are in
  /// the order of time.
  std::optional<Time> pass(Time now, uint32_t length);

 private:
  uint64_t rate_ = 0;
  uint64_t queue_ = 0;
  Time freeAt_ = 0;
};

/// What happened to the frames of one sender-receiver pair.
struct PairCounts {
  /// That left the sender's link, whatever became of them later.
  uint64_t sentFrames = 0;
  uint64_t sentBytes = 0;
  /// That had no place in a queue.
  uint64_t dropped = 0;
  /// By random loss.
  uint64_t lost = 0;
  /// In a cut.
  uint64_t cut = 0;
};

/// A frame that is due, named by the handle that it came with.
struct Delivery {
  size_t port;
  uint32_t handle;
};

class SwitchModel {
 public:
  SwitchModel(size_t portCount, uint64_t seed);

  size_t portCount() const { return ports_.size(); }

  /// Bits per second from and to the port; 0 is no limit.
  void setRate(size_t port, uint64_t up, uint64_t down);
  /// Bytes that wait for each direction of each link.
  void setQueue(uint64_t bytes);
  /// One way, in both directions.
  void setDelay(size_t portA, size_t portB, Time delay);
  /// Of each frame of any pair, each way.
  void setLoss(uint32_t perMillion) { lossPerMillion_ = perMillion; }
  /// Frames on the way are lost too.
  void setCut(size_t portA, size_t portB, bool isCut);
  /// From `start` on the pair is cut for the first `cut` of each `period`; 0 ends that.
  void setSchedule(size_t portA, size_t portB, Time start, Time period, Time cut);

  /// Takes a frame that came from a port; false when it is gone already and the handle is free.
  bool submit(Time now, size_t from, size_t to, uint32_t length, uint32_t handle);

  /// The next frame to hand out until now; call until it gives none. Handles of frames that are
  /// lost on the way are appended to `gone`.
  std::optional<Delivery> next(Time now, std::vector<uint32_t>& gone);

  /// When next() has something to do; kNever when nothing is on the way.
  Time nextTime() const { return events_.empty() ? kNever : events_.top().at; }

  const PairCounts& counts(size_t from, size_t to) const { return pair(from, to).counts; }

 private:
  struct Port {
    Shaper up, down;
  };
  struct Pair {
    Time delay = 0;
    /// Arrivals keep their order when the delay is changed.
    Time lastArrival = 0;
    bool isCut = false;
    Time scheduleStart = 0, schedulePeriod = 0, scheduleCut = 0;
    PairCounts counts;
  };
  struct Event {
    Time at;
    uint64_t order;
    uint32_t from, to, length, handle;
    /// At the receiver's link, or already through it.
    bool isThrough;
    bool operator<(const Event& other) const {
      return at != other.at ? at > other.at : order > other.order;
    }
  };

  Pair& pair(size_t from, size_t to) { return pairs_[from * ports_.size() + to]; }
  const Pair& pair(size_t from, size_t to) const { return pairs_[from * ports_.size() + to]; }
  static bool isCutAt(const Pair& pair, Time now);
  bool isLost();

  std::vector<Port> ports_;
  std::vector<Pair> pairs_;
  std::priority_queue<Event> events_;
  uint64_t random_;
  uint64_t order_ = 0;
  uint32_t lossPerMillion_ = 0;
};

}  // namespace muleplex::lab

#endif  // MULEPLEX_LAB_SWITCH_MODEL_H_
