// SPDX-License-Identifier: GPL-2.0-or-later
#include <string>
#include <vector>

#include "switch_command.h"
#include "switch_model.h"
#include "test.h"

namespace muleplex::lab {
namespace {

constexpr uint64_t kMbit = 1'000'000;

struct Arrival {
  Time at;
  size_t port;
  uint32_t handle;
};

/// Lets the model run until nothing is on the way.
std::vector<Arrival> runOut(SwitchModel& model, std::vector<uint32_t>& gone) {
  std::vector<Arrival> arrivals;
  for (Time at; (at = model.nextTime()) != kNever;) {
    while (const auto delivery = model.next(at, gone)) {
      arrivals.push_back({at, delivery->port, delivery->handle});
    }
  }
  return arrivals;
}

TEST("a frame takes its time on both links and the delay between them") {
  SwitchModel model(2, 1);
  model.setRate(0, 8 * kMbit, 0);
  model.setRate(1, 0, 4 * kMbit);
  model.setQueue(10'000);
  model.setDelay(0, 1, 50 * kMillisecond);
  EXPECT(model.submit(kSecond, 0, 1, 1000, 7));
  std::vector<uint32_t> gone;
  EXPECT(!model.next(kSecond + 51 * kMillisecond - 1, gone));
  const auto arrivals = runOut(model, gone);
  EXPECT(arrivals.size() == 1 && arrivals[0].port == 1 && arrivals[0].handle == 7);
  EXPECT(arrivals[0].at == kSecond + 1 * kMillisecond + 50 * kMillisecond + 2 * kMillisecond);
  EXPECT(gone.empty());
}

TEST("frames keep their order and come at the rate, what finds no room is dropped") {
  SwitchModel model(2, 1);
  model.setRate(0, 8 * kMbit, 8 * kMbit);
  model.setQueue(10'000);
  std::vector<uint32_t> gone;
  uint32_t taken = 0;
  for (uint32_t handle = 0; handle < 30; ++handle) taken += model.submit(0, 0, 1, 1000, handle);
  EXPECT(taken == 10);
  EXPECT(model.counts(0, 1).dropped == 20);
  EXPECT(model.counts(0, 1).sentFrames == 10 && model.counts(0, 1).sentBytes == 10'000);
  const auto arrivals = runOut(model, gone);
  EXPECT(arrivals.size() == 10);
  for (uint32_t i = 0; i < 10; ++i) {
    EXPECT(arrivals[i].handle == i && arrivals[i].at == (i + 1) * kMillisecond);
  }
}

TEST("senders share the link of their receiver") {
  SwitchModel model(3, 1);
  model.setQueue(1'000'000);
  model.setRate(2, 0, 8 * kMbit);
  for (uint32_t handle = 0; handle < 100; ++handle) {
    EXPECT(model.submit(0, handle % 2, 2, 1000, handle));
  }
  std::vector<uint32_t> gone;
  const auto arrivals = runOut(model, gone);
  EXPECT(arrivals.size() == 100 && arrivals.back().at == 100 * kMillisecond);
}

TEST("a delay that gets shorter does not let frames overtake each other") {
  SwitchModel model(2, 1);
  model.setDelay(0, 1, kSecond);
  EXPECT(model.submit(0, 0, 1, 100, 1));
  model.setDelay(0, 1, 0);
  EXPECT(model.submit(1, 0, 1, 100, 2));
  std::vector<uint32_t> gone;
  const auto arrivals = runOut(model, gone);
  EXPECT(arrivals.size() == 2 && arrivals[0].handle == 1 && arrivals[1].handle == 2);
}

TEST("loss is near what is asked for and the same for the same seed") {
  const auto lostOf = [](uint64_t seed) {
    SwitchModel model(2, seed);
    model.setLoss(10'000);
    std::vector<uint32_t> lost;
    for (uint32_t handle = 0; handle < 100'000; ++handle) {
      if (!model.submit(handle, 0, 1, 100, handle)) lost.push_back(handle);
    }
    EXPECT(model.counts(0, 1).lost == lost.size());
    return lost;
  };
  const auto lost = lostOf(1);
  EXPECT(lost.size() > 900 && lost.size() < 1100);
  EXPECT(lost == lostOf(1));
  EXPECT(lost != lostOf(2));
}

TEST("a cut loses what is sent and what is on the way, of that pair only") {
  SwitchModel model(3, 1);
  model.setDelay(0, 1, 100);
  EXPECT(model.submit(0, 0, 1, 100, 1));
  model.setCut(0, 1, true);
  EXPECT(!model.submit(1, 0, 1, 100, 2));
  EXPECT(!model.submit(1, 1, 0, 100, 3));
  EXPECT(model.submit(1, 0, 2, 100, 4));
  std::vector<uint32_t> gone;
  const auto arrivals = runOut(model, gone);
  EXPECT(arrivals.size() == 1 && arrivals[0].handle == 4);
  EXPECT(gone == std::vector<uint32_t>{1});
  EXPECT(model.counts(0, 1).cut == 2 && model.counts(1, 0).cut == 1);
  model.setCut(0, 1, false);
  EXPECT(model.submit(200, 0, 1, 100, 5));
}

TEST("a schedule cuts the first part of each period") {
  SwitchModel model(2, 1);
  model.setSchedule(0, 1, kSecond, 20 * kSecond, 5 * kSecond);
  const auto isCarried = [&](Time at) { return model.submit(at, 0, 1, 100, 0); };
  EXPECT(isCarried(0));
  EXPECT(!isCarried(kSecond) && !isCarried(6 * kSecond - 1));
  EXPECT(isCarried(6 * kSecond) && isCarried(21 * kSecond - 1));
  EXPECT(!isCarried(21 * kSecond));
  model.setSchedule(0, 1, 22 * kSecond, 0, 0);
  EXPECT(isCarried(23 * kSecond));
}

TEST("commands do what they say, and what is wrong is refused") {
  SwitchModel model(2, 1);
  for (const char* line : {"rate 1 8000000 8000000", "queue 10000", "delay 1 2 50000", "loss 0",
                           "cut 1 2", "mend 1 2", "schedule 1 2 0 0"}) {
    EXPECT(obey(model, line, 0) == "ok\n");
  }
  EXPECT(model.submit(0, 0, 1, 1000, 0));
  EXPECT(model.nextTime() == 51 * kMillisecond);
  EXPECT(obey(model, "counts", 0) == "pair 1 2 1 1000 0 0 0\npair 2 1 0 0 0 0 0\nok\n");
  for (const char* line :
       {"", " ", "cut", "cut 1", "cut 1 1", "cut 0 1", "cut 1 3", "cut 1 2 3", "loss 1000001",
        "loss -1", "loss x", "delay 1 2 99999999999999999999", "schedule 1 2 5 6", "rate 3 1 1",
        "rate 1 1", "queue", "counts 1", "stop"}) {
    EXPECT(obey(model, line, 0).starts_with("error: "));
  }
}

}  // namespace
}  // namespace muleplex::lab
