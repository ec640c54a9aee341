// SPDX-License-Identifier: GPL-2.0-or-later
#include "task_pool.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace muleplex {
namespace {

/// The JavaScript thread hands out the work, so what it has to do goes first; so does what an
/// embedded core does.
constexpr int kNicer = 5;

/// Those that this process may use.
size_t processorCount() { return std::max(1U, std::thread::hardware_concurrency()); }

}  // namespace

TaskPool& TaskPool::of(Napi::Env env) {
  auto* pool = env.GetInstanceData<TaskPool>();
  if (pool == nullptr) {
    pool = new TaskPool(env);
    env.SetInstanceData(pool);
  }
  return *pool;
}

TaskPool::TaskPool(Napi::Env env) {
  constexpr size_t kUnbounded = 0;
  channel_ = Channel::New(env, "muleplex", kUnbounded, 1, this);
  channel_.Unref(env);
  workers_.emplace(processorCount(), kNicer);
  // Before the channel's own hook, as hooks are called last to first.
  env.AddCleanupHook([](TaskPool* pool) { pool->abandon(); }, this);
}

Napi::Promise TaskPool::start(Napi::Env env, std::unique_ptr<Task> task) {
  auto promised = std::make_unique<PromisedTask>(env, std::move(task));
  PromisedTask* const started = promised.get();
  const Napi::Promise promise = started->promise();
  // The event loop does not end while tasks are under way.
  if (tasks_.empty()) channel_.Ref(env);
  tasks_.emplace(started, std::move(promised));
  workers_->post([this, started] { run(started); });
  return promise;
}

void TaskPool::run(PromisedTask* task) {
  task->run();
  bool isFirst = false;
  {
    const std::lock_guard lock(mutex_);
    isFirst = ended_.empty();
    ended_.push_back(task);
  }
  // One call takes all that have ended by then.
  if (isFirst) channel_.NonBlockingCall(nullptr);
}

void TaskPool::settleEnded(Napi::Env env, Napi::Function, TaskPool* pool, void*) {
  // The environment is gone, and the pool may be.
  if (env == nullptr) return;
  std::vector<PromisedTask*> ended;
  {
    const std::lock_guard lock(pool->mutex_);
    ended.swap(pool->ended_);
  }
  for (PromisedTask* const task : ended) {
    const Napi::HandleScope scope(env);
    const auto owned = pool->tasks_.extract(task);
    task->settle(env);
  }
  if (pool->tasks_.empty()) pool->channel_.Unref(env);
}

void TaskPool::abandon() {
  workers_.reset();
  tasks_.clear();
}

}  // namespace muleplex
