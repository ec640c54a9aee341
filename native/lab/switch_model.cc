// SPDX-License-Identifier: GPL-2.0-or-later
#include "switch_model.h"

#include <algorithm>

namespace muleplex::lab {

std::optional<Time> Shaper::pass(Time now, uint32_t length) {
  if (rate_ == 0) return now;
  const Time begin = std::max(now, freeAt_);
  // The frame that is being sent counts as waiting: a little strict, and simple.
  const double waiting = static_cast<double>(begin - now) * static_cast<double>(rate_) / 8e9;
  if (waiting > 0 && waiting + length > static_cast<double>(queue_)) return std::nullopt;
  const double seconds = static_cast<double>(length) * 8 / static_cast<double>(rate_);
  freeAt_ = begin + static_cast<Time>(seconds * static_cast<double>(kSecond));
  return freeAt_;
}

SwitchModel::SwitchModel(size_t portCount, uint64_t seed)
    : ports_(portCount), pairs_(portCount * portCount), random_(seed) {}

void SwitchModel::setRate(size_t port, uint64_t up, uint64_t down) {
  ports_[port].up.setRate(up);
  ports_[port].down.setRate(down);
}

void SwitchModel::setQueue(uint64_t bytes) {
  for (Port& port : ports_) {
    port.up.setQueue(bytes);
    port.down.setQueue(bytes);
  }
}

void SwitchModel::setDelay(size_t portA, size_t portB, Time delay) {
  pair(portA, portB).delay = pair(portB, portA).delay = delay;
}

void SwitchModel::setCut(size_t portA, size_t portB, bool isCut) {
  pair(portA, portB).isCut = pair(portB, portA).isCut = isCut;
}

void SwitchModel::setSchedule(size_t portA, size_t portB, Time start, Time period, Time cut) {
  for (Pair* each : {&pair(portA, portB), &pair(portB, portA)}) {
    each->scheduleStart = start;
    each->schedulePeriod = period;
    each->scheduleCut = cut;
  }
}

bool SwitchModel::submit(Time now, size_t from, size_t to, uint32_t length, uint32_t handle) {
  Pair& way = pair(from, to);
  const std::optional<Time> left = ports_[from].up.pass(now, length);
  if (!left) {
    ++way.counts.dropped;
    return false;
  }
  ++way.counts.sentFrames;
  way.counts.sentBytes += length;
  if (isLost()) {
    ++way.counts.lost;
    return false;
  }
  if (isCutAt(way, now)) {
    ++way.counts.cut;
    return false;
  }
  way.lastArrival = std::max(*left + way.delay, way.lastArrival);
  events_.push({way.lastArrival, order_++, static_cast<uint32_t>(from), static_cast<uint32_t>(to),
                length, handle, false});
  return true;
}

std::optional<Delivery> SwitchModel::next(Time now, std::vector<uint32_t>& gone) {
  while (!events_.empty() && events_.top().at <= now) {
    Event event = events_.top();
    events_.pop();
    if (event.isThrough) return Delivery{event.to, event.handle};
    Pair& way = pair(event.from, event.to);
    if (isCutAt(way, event.at)) {
      ++way.counts.cut;
      gone.push_back(event.handle);
      continue;
    }
    const std::optional<Time> left = ports_[event.to].down.pass(event.at, event.length);
    if (!left) {
      ++way.counts.dropped;
      gone.push_back(event.handle);
      continue;
    }
    event.at = *left;
    event.order = order_++;
    event.isThrough = true;
    events_.push(event);
  }
  return std::nullopt;
}

bool SwitchModel::isCutAt(const Pair& pair, Time now) {
  if (pair.isCut) return true;
  if (pair.schedulePeriod == 0 || now < pair.scheduleStart) return false;
  return (now - pair.scheduleStart) % pair.schedulePeriod < pair.scheduleCut;
}

/// splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
bool SwitchModel::isLost() {
  if (lossPerMillion_ == 0) return false;
  uint64_t z = (random_ += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return (z ^ (z >> 31)) % 1'000'000 < lossPerMillion_;
}

}  // namespace muleplex::lab
