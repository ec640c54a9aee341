// SPDX-License-Identifier: GPL-2.0-or-later
// Work off the JavaScript thread that a promise stands for.
#ifndef MULEPLEX_BINDING_TASK_H_
#define MULEPLEX_BINDING_TASK_H_

#include <napi.h>

#include <memory>
#include <optional>
#include <string>

#include "failure.h"

namespace muleplex {

/// The JavaScript error of a failure: `code` is an errno name or an error code of
/// src/base/errors.ts (a test keeps the two tables equal), `index` the item of a batch.
Napi::Error failureToError(Napi::Env env, const Failure& failure);

/// Constructed, resolved and destroyed on the JavaScript thread, where it may hold references that
/// keep its inputs alive; only run() is called on another thread.
class Task {
 public:
  virtual ~Task() = default;
  /// Must touch no JavaScript value. May throw.
  virtual void run() = 0;
  virtual Napi::Value result(Napi::Env env) = 0;
  /// Called on the JavaScript thread before the promise settles, however run() ended.
  virtual void settle() {}
};

/// A task with its promise; as a task itself on the JavaScript thread, but for run().
class PromisedTask {
 public:
  PromisedTask(Napi::Env env, std::unique_ptr<Task> task);

  Napi::Promise promise() const { return deferred_.Promise(); }
  void run() noexcept;
  /// After run(), once.
  void settle(Napi::Env env);

 private:
  Napi::Value errorOf(Napi::Env env) const;

  std::unique_ptr<Task> task_;
  Napi::Promise::Deferred deferred_;
  std::optional<Failure> failure_;
  /// Of any other exception.
  std::optional<std::string> message_;
};

/// Runs the task, which keeps a processor busy, on threads of the environment's own: one for each
/// processor, and nicer than the JavaScript thread. Returns its promise.
Napi::Value startTask(Napi::Env env, std::unique_ptr<Task> task);

/// Runs the task, which mostly waits for the system, on libuv's threads. Returns its promise.
Napi::Value startBlockingTask(Napi::Env env, std::unique_ptr<Task> task);

}  // namespace muleplex

#endif  // MULEPLEX_BINDING_TASK_H_
