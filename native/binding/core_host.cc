// SPDX-License-Identifier: GPL-2.0-or-later
#include "core_host.h"

#include <chrono>
#include <cstdlib>
#include <future>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "arguments.h"
#include "core_library.h"
#include "core_mailbox.h"

namespace muleplex {
namespace {

/// How long a process that exits in the middle waits for the core to write its state.
constexpr std::chrono::seconds kExitGrace{5};

std::string toString(const unsigned char* packet, size_t length) {
  return std::string(reinterpret_cast<const char*>(packet), length);
}

/// What the core needs to answer one request.
struct RequestContext {
  CoreMailbox* mailbox;
  uint64_t id;
};

/// Called on the core's main thread.
void onReply(void* context, const unsigned char* packet, size_t length) {
  const std::unique_ptr<RequestContext> request(static_cast<RequestContext*>(context));
  CoreMessage message(CoreMessage::Kind::kAnswer);
  message.requestId = request->id;
  if (packet != nullptr) message.packet = toString(packet, length);
  request->mailbox->post(std::move(message));
}

/// Called on the core's main thread.
void onEvent(void* context, const unsigned char* packet, size_t length) {
  CoreMessage message(CoreMessage::Kind::kEvent);
  message.packet = toString(packet, length);
  static_cast<CoreMailbox*>(context)->post(std::move(message));
}

CoreLibrary load(const Napi::CallbackInfo& info) {
  try {
    return CoreLibrary(info[0].As<Napi::String>().Utf8Value());
  } catch (const std::runtime_error& error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
}

/// All members are used on the JavaScript thread only, but what runCore() uses.
class CoreHost final : public Napi::ObjectWrap<CoreHost> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "CoreHost",
        {InstanceMethod<&CoreHost::run>("run"), InstanceMethod<&CoreHost::request>("request"),
         InstanceMethod<&CoreHost::setListener>("onEvent"),
         InstanceMethod<&CoreHost::stop>("stop")});
  }

  explicit CoreHost(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<CoreHost>(info), library_(load(info)) {}

 private:
  Napi::Value run(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    if (mailbox_ != nullptr) throw Napi::Error::New(env, "the core runs once a process");
    const auto arguments = info[0].As<Napi::Array>();
    for (uint32_t i = 0; i < arguments.Length(); ++i) {
      arguments_.push_back(arguments.Get(i).As<Napi::String>().Utf8Value());
    }

    mailbox_ = std::make_unique<CoreMailbox>(
        env, [this](Napi::Env e, const CoreMessage& message) { receive(e, message); });
    library_.setEventHandler(onEvent, mailbox_.get());
    ended_ = std::make_unique<Napi::Promise::Deferred>(env);
    // The core may use it as long as there is a process.
    Ref();
    env.AddCleanupHook([this] { leave(); });
    leaveOnExit(env);
    thread_ = std::thread([this] { runCore(); });
    return ended_->Promise();
  }

  Napi::Value request(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const ByteView packet = bytesOf(info[0]);
    auto deferred = Napi::Promise::Deferred::New(env);
    const uint64_t id = ++lastRequestId_;

    auto context = std::make_unique<RequestContext>(RequestContext{mailbox_.get(), id});
    if (mailbox_ == nullptr ||
        library_.request(packet.data, packet.size, onReply, context.get()) != 0) {
      deferred.Reject(Napi::Error::New(env, "the core takes no requests").Value());
    } else {
      context.release();
      pending_.emplace(id, deferred);
    }
    return deferred.Promise();
  }

  void setListener(const Napi::CallbackInfo& info) {
    listener_ = Napi::Persistent(info[0].As<Napi::Function>());
  }

  void stop(const Napi::CallbackInfo&) {
    isStopping_ = true;
    library_.stop();
  }

  /// On a thread of its own.
  void runCore() {
    std::vector<char*> argv;
    for (std::string& argument : arguments_) argv.push_back(argument.data());
    argv.push_back(nullptr);
    CoreMessage message(CoreMessage::Kind::kEnd);
    message.status = library_.run(static_cast<int>(argv.size()) - 1, argv.data());
    mailbox_->post(std::move(message));
    hasEnded_.set_value();
  }

  void receive(Napi::Env env, const CoreMessage& message) {
    switch (message.kind) {
      case CoreMessage::Kind::kAnswer:
        settle(env, message);
        return;
      case CoreMessage::Kind::kEvent:
        if (!listener_.IsEmpty()) listener_.Call({copyToBuffer(env, *message.packet)});
        return;
      case CoreMessage::Kind::kEnd:
        thread_.join();
        mailbox_->close();
        ended_->Resolve(Napi::Number::New(env, message.status));
        return;
    }
  }

  void settle(Napi::Env env, const CoreMessage& message) {
    const auto entry = pending_.extract(message.requestId);
    if (message.packet.has_value()) {
      entry.mapped().Resolve(copyToBuffer(env, *message.packet));
    } else {
      entry.mapped().Reject(Napi::Error::New(env, "the core stopped").Value());
    }
  }

  /// JavaScript is over. False if the core hangs.
  bool leave() {
    if (!thread_.joinable()) return true;
    mailbox_->abandon();
    if (!isStopping_) {
      library_.stop();
      if (hasEnded_.get_future().wait_for(kExitGrace) == std::future_status::ready) {
        thread_.join();
        return true;
      }
    }
    thread_.detach();
    return false;
  }

  /// process.exit() runs no cleanup hooks, but the destructors of static objects of the core,
  /// under the feet of its threads.
  void leaveOnExit(Napi::Env env) {
    const auto process = env.Global().Get("process").As<Napi::Object>();
    const auto listener = Napi::Function::New(env, [this](const Napi::CallbackInfo&) {
      if (!leave()) std::_Exit(EXIT_FAILURE);
    });
    const auto once = process.Get("once").As<Napi::Function>();
    once.Call(process, {Napi::String::New(env, "exit"), listener});
  }

  CoreLibrary library_;
  std::vector<std::string> arguments_;
  std::unique_ptr<CoreMailbox> mailbox_;
  std::unique_ptr<Napi::Promise::Deferred> ended_;
  std::thread thread_;
  std::promise<void> hasEnded_;
  bool isStopping_ = false;
  uint64_t lastRequestId_ = 0;
  std::map<uint64_t, Napi::Promise::Deferred> pending_;
  Napi::FunctionReference listener_;
};

Napi::Value openCore(const Napi::CallbackInfo& info) {
  const auto* constructor = static_cast<Napi::FunctionReference*>(info.Data());
  return constructor->New({info[0]});
}

}  // namespace

void initCoreHost(Napi::Env env, Napi::Object exports) {
  auto* constructor = new Napi::FunctionReference(Napi::Persistent(CoreHost::define(env)));
  env.AddCleanupHook([constructor] { delete constructor; });
  exports.Set("openCore", Napi::Function::New(env, openCore, "openCore", constructor));
}

}  // namespace muleplex
