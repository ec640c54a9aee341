// SPDX-License-Identifier: GPL-2.0-or-later
// Threads for work that keeps a processor busy.
#ifndef MULEPLEX_CORE_WORKER_POOL_H_
#define MULEPLEX_CORE_WORKER_POOL_H_

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace muleplex {

/// Starts jobs in the order in which they come, each on the thread that is free first.
class WorkerPool {
 public:
  using Job = std::function<void()>;

  /// `nicer`: how much the threads are nicer than the one that calls.
  WorkerPool(size_t threadCount, int nicer);
  /// Waits for the jobs that have begun and drops the others.
  ~WorkerPool() = default;
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Any thread. The job must not throw.
  void post(Job job);

 private:
  void run(const std::stop_token& stop, int niceness);

  std::mutex mutex_;
  std::condition_variable_any hasJobs_;
  std::deque<Job> jobs_;
  /// Last: they end before what they use.
  std::vector<std::jthread> threads_;
};

}  // namespace muleplex

#endif  // MULEPLEX_CORE_WORKER_POOL_H_
