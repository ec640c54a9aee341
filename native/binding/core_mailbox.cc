// SPDX-License-Identifier: GPL-2.0-or-later
#include "core_mailbox.h"

#include <memory>
#include <utility>

namespace muleplex {

CoreMailbox::CoreMailbox(Napi::Env env, Receiver receiver) : receiver_(std::move(receiver)) {
  // Unbounded, because answers must not be lost; those are as few as the requests that wait.
  constexpr size_t kUnbounded = 0;
  channel_ = Channel::New(env, "mulecore", kUnbounded, 1, this);
}

void CoreMailbox::post(CoreMessage message) {
  auto copy = std::make_unique<CoreMessage>(std::move(message));
  const bool isEvent = copy->kind == CoreMessage::Kind::kEvent;

  // Held over the call, so that none is under way once abandon() returns.
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!isOpen_ || (isEvent && waitingEvents_ >= kMaxEvents)) return;
  if (channel_.NonBlockingCall(copy.get()) != napi_ok) return;
  copy.release();
  if (isEvent) ++waitingEvents_;
}

void CoreMailbox::close() {
  abandon();
  channel_.Release();
}

void CoreMailbox::abandon() {
  const std::lock_guard<std::mutex> lock(mutex_);
  isOpen_ = false;
}

void CoreMailbox::receive(Napi::Env env, Napi::Function, CoreMailbox* mailbox,
                          CoreMessage* message) {
  const std::unique_ptr<CoreMessage> owned(message);
  // The environment is gone, with the mailbox.
  if (env == nullptr) return;
  if (owned->kind == CoreMessage::Kind::kEvent) {
    const std::lock_guard<std::mutex> lock(mailbox->mutex_);
    --mailbox->waitingEvents_;
  }
  mailbox->receiver_(env, *owned);
}

}  // namespace muleplex
