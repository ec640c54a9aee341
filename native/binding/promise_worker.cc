// SPDX-License-Identifier: GPL-2.0-or-later
#include "promise_worker.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <utility>

namespace muleplex {
namespace {

/// How much nicer threads of tasks are than the thread of JavaScript.
constexpr int kNicer = 5;

/// The thread of JavaScript hands out the work, so what it has to do goes first; so does what an
/// embedded core does. Once for a thread.
void giveWay() {
  thread_local const bool isNicer = [] {
    const auto thread = static_cast<id_t>(gettid());
    return setpriority(PRIO_PROCESS, thread, getpriority(PRIO_PROCESS, thread) + kNicer) == 0;
  }();
  static_cast<void>(isNicer);
}

class PromiseWorker final : public Napi::AsyncWorker {
 public:
  PromiseWorker(Napi::Env env, std::unique_ptr<Task> task)
      : Napi::AsyncWorker(env, "muleplex"),
        task_(std::move(task)),
        deferred_(Napi::Promise::Deferred::New(env)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    giveWay();
    try {
      task_->run();
    } catch (const Failure& failure) {
      failure_ = failure;
      SetError(failure.what());
    }
    // Anything else, such as std::bad_alloc, AsyncWorker turns into an error by itself.
  }

  void OnOK() override {
    task_->settle();
    deferred_.Resolve(task_->result(Env()));
  }

  void OnError(const Napi::Error& error) override {
    task_->settle();
    deferred_.Reject(failure_ ? failureToError(Env(), *failure_).Value() : error.Value());
  }

 private:
  std::unique_ptr<Task> task_;
  Napi::Promise::Deferred deferred_;
  std::optional<Failure> failure_;
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

Napi::Value startTask(Napi::Env env, std::unique_ptr<Task> task) {
  // AsyncWorker deletes itself after it has settled.
  auto* worker = new PromiseWorker(env, std::move(task));
  const Napi::Promise promise = worker->promise();
  worker->Queue();
  return promise;
}

}  // namespace muleplex
