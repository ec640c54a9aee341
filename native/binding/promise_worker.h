// SPDX-License-Identifier: GPL-2.0-or-later
// Runs a task on libuv's pool and settles a promise with its result.
#ifndef MULEPLEX_BINDING_PROMISE_WORKER_H_
#define MULEPLEX_BINDING_PROMISE_WORKER_H_

#include <napi.h>

#include <memory>
#include <optional>
#include <string>

#include "failure.h"

namespace muleplex {

/// The JavaScript error of a failure: `code` is an errno name or an error code of
/// src/base/errors.ts (a test keeps the two tables equal), `index` the item of a batch.
Napi::Error failureToError(Napi::Env env, const Failure& failure);

/// What a promise stands for. Constructed, resolved and destroyed on the JavaScript thread, where
/// it may hold references that keep its inputs alive; only run() is called on another thread.
class Task {
 public:
  virtual ~Task() = default;
  /// Must touch no JavaScript value. May throw.
  virtual void run() = 0;
  virtual Napi::Value result(Napi::Env env) = 0;
  /// Called on the JavaScript thread before the promise settles, however run() ended.
  virtual void settle() {}
};

/// Queues the task and returns its promise.
Napi::Value startTask(Napi::Env env, std::unique_ptr<Task> task);

}  // namespace muleplex

#endif  // MULEPLEX_BINDING_PROMISE_WORKER_H_
