// SPDX-License-Identifier: GPL-2.0-or-later
#include "worker_pool.h"

#include <sys/resource.h>
#include <unistd.h>

#include <utility>

namespace muleplex {
namespace {

id_t thisThread() { return static_cast<id_t>(gettid()); }

}  // namespace

WorkerPool::WorkerPool(size_t threadCount, int nicer) {
  const int niceness = getpriority(PRIO_PROCESS, thisThread()) + nicer;
  threads_.reserve(threadCount);
  while (threads_.size() < threadCount) {
    threads_.emplace_back([this, niceness](const std::stop_token& stop) { run(stop, niceness); });
  }
}

void WorkerPool::post(Job job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  hasJobs_.notify_one();
}

void WorkerPool::run(const std::stop_token& stop, int niceness) {
  // Without it the thread does the same work.
  static_cast<void>(setpriority(PRIO_PROCESS, thisThread(), niceness));
  while (!stop.stop_requested()) {
    std::unique_lock lock(mutex_);
    if (!hasJobs_.wait(lock, stop, [this] { return !jobs_.empty(); })) return;
    const Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
  }
}

}  // namespace muleplex
