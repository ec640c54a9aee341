// SPDX-License-Identifier: GPL-2.0-or-later
#include "worker_pool.h"

#include <sys/resource.h>
#include <unistd.h>

#include <latch>
#include <mutex>
#include <optional>
#include <vector>

#include "test.h"

namespace muleplex {
namespace {

TEST("one thread runs jobs in the order in which they came") {
  std::vector<int> order;
  std::latch ended(100);
  WorkerPool pool(1, 0);
  for (int i = 0; i < 100; ++i) {
    pool.post([&order, &ended, i] {
      order.push_back(i);
      ended.count_down();
    });
  }
  ended.wait();
  for (int i = 0; i < 100; ++i) EXPECT(order[static_cast<size_t>(i)] == i);
}

TEST("as many jobs run at once as there are threads") {
  // Each of them waits for the others.
  std::latch all(3);
  std::latch ended(3);
  WorkerPool pool(3, 0);
  for (int i = 0; i < 3; ++i) {
    pool.post([&] {
      all.arrive_and_wait();
      ended.count_down();
    });
  }
  ended.wait();
}

TEST("a pool that ends waits for what has begun and drops the rest") {
  std::latch begun(1);
  std::latch mayEnd(1);
  bool hasEnded = false;
  bool hasNext = false;
  std::optional<WorkerPool> pool(std::in_place, 1, 0);
  pool->post([&] {
    begun.count_down();
    mayEnd.wait();
    hasEnded = true;
  });
  pool->post([&] { hasNext = true; });
  begun.wait();
  std::jthread closer([&] { pool.reset(); });
  // The thread that closes has to come first: it asks the pool to stop before it waits for it.
  usleep(50'000);
  mayEnd.count_down();
  closer.join();
  EXPECT(hasEnded);
  EXPECT(!hasNext);
}

TEST("threads of a pool are nicer than the one that made it") {
  const int own = getpriority(PRIO_PROCESS, static_cast<id_t>(gettid()));
  int theirs = 0;
  std::latch ended(1);
  WorkerPool pool(1, 3);
  pool.post([&] {
    theirs = getpriority(PRIO_PROCESS, static_cast<id_t>(gettid()));
    ended.count_down();
  });
  ended.wait();
  EXPECT(theirs == own + 3);
}

}  // namespace
}  // namespace muleplex
