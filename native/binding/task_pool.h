// SPDX-License-Identifier: GPL-2.0-or-later
// The worker threads of one environment, and the way back from them to the JavaScript thread.
#ifndef MULEPLEX_BINDING_TASK_POOL_H_
#define MULEPLEX_BINDING_TASK_POOL_H_

#include <napi.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "task.h"
#include "worker_pool.h"

namespace muleplex {

/// libuv has one pool of four threads for everything. With tasks of its own on it, more of them run
/// than there are processors, each with megabytes of memory, and files wait behind them.
class TaskPool {
 public:
  /// The environment's, made when it is first asked for.
  static TaskPool& of(Napi::Env env);

  explicit TaskPool(Napi::Env env);

  /// JavaScript thread.
  Napi::Promise start(Napi::Env env, std::unique_ptr<Task> task);

 private:
  static void settleEnded(Napi::Env env, Napi::Function callback, TaskPool* pool, void* data);
  using Channel = Napi::TypedThreadSafeFunction<TaskPool, void, &TaskPool::settleEnded>;

  void run(PromisedTask* task);
  /// JavaScript thread: the environment ends, and tasks that are not settled with it.
  void abandon();

  Channel channel_;
  /// Those that are not settled, by their address. JavaScript thread.
  std::unordered_map<PromisedTask*, std::unique_ptr<PromisedTask>> tasks_;

  std::mutex mutex_;
  std::vector<PromisedTask*> ended_;

  std::optional<WorkerPool> workers_;
};

}  // namespace muleplex

#endif  // MULEPLEX_BINDING_TASK_POOL_H_
