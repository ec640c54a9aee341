// SPDX-License-Identifier: GPL-2.0-or-later
#include "task.h"

#include <string.h>

#include <exception>
#include <utility>

#include "task_pool.h"

namespace muleplex {
namespace {

/// Deletes itself after it has settled.
class BlockingWorker final : public Napi::AsyncWorker {
 public:
  BlockingWorker(Napi::Env env, std::unique_ptr<Task> task)
      : Napi::AsyncWorker(env, "muleplex"), task_(env, std::move(task)) {}

  Napi::Promise promise() const { return task_.promise(); }

 protected:
  void Execute() override { task_.run(); }
  void OnOK() override { task_.settle(Env()); }

 private:
  PromisedTask task_;
};

const char* codeOf(const Failure& failure) {
  switch (failure.kind()) {
    case FailureKind::kSystem: {
      const char* name = strerrorname_np(failure.systemError());
      return name == nullptr ? "UNKNOWN" : name;
    }
    case FailureKind::kCorrupt:
      return "ERR_FRAME_CORRUPT";
    case FailureKind::kMalformed:
    case FailureKind::kUnsupported:
      return "ERR_PACK_MALFORMED";
    case FailureKind::kLimit:
      return "ERR_LIMIT_EXCEEDED";
  }
  return "UNKNOWN";
}

}  // namespace

Napi::Error failureToError(Napi::Env env, const Failure& failure) {
  const std::string code = codeOf(failure);
  const bool isSystem = failure.kind() == FailureKind::kSystem;
  const std::string message = isSystem ? code + ": " + failure.what() + " failed" : failure.what();
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  if (isSystem) {
    error.Set("errno", Napi::Number::New(env, -failure.systemError()));
    error.Set("syscall", Napi::String::New(env, failure.what()));
  }
  error.Set("index", Napi::Number::New(env, static_cast<double>(failure.index())));
  return error;
}

PromisedTask::PromisedTask(Napi::Env env, std::unique_ptr<Task> task)
    : task_(std::move(task)), deferred_(Napi::Promise::Deferred::New(env)) {}

void PromisedTask::run() noexcept {
  try {
    task_->run();
  } catch (const Failure& failure) {
    failure_ = failure;
  } catch (const std::exception& error) {
    message_ = error.what();
  }
}

void PromisedTask::settle(Napi::Env env) {
  task_->settle();
  if (failure_ || message_) {
    deferred_.Reject(errorOf(env));
  } else {
    deferred_.Resolve(task_->result(env));
  }
}

Napi::Value PromisedTask::errorOf(Napi::Env env) const {
  return failure_ ? failureToError(env, *failure_).Value()
                  : Napi::Error::New(env, *message_).Value();
}

Napi::Value startTask(Napi::Env env, std::unique_ptr<Task> task) {
  return TaskPool::of(env).start(env, std::move(task));
}

Napi::Value startBlockingTask(Napi::Env env, std::unique_ptr<Task> task) {
  auto* worker = new BlockingWorker(env, std::move(task));
  const Napi::Promise promise = worker->promise();
  worker->Queue();
  return promise;
}

}  // namespace muleplex
