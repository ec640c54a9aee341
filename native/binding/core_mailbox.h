// SPDX-License-Identifier: GPL-2.0-or-later
// Takes messages from the threads of the core to the JavaScript thread, in order. No JavaScript
// handle and no exception passes from one thread to the other.
#ifndef MULEPLEX_BINDING_CORE_MAILBOX_H_
#define MULEPLEX_BINDING_CORE_MAILBOX_H_

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

namespace muleplex {

struct CoreMessage {
  enum class Kind { kAnswer, kEvent, kEnd };

  explicit CoreMessage(Kind k) : kind(k) {}

  Kind kind;
  /// Of the request that is answered.
  uint64_t requestId = 0;
  /// Nothing for a request that the core left unanswered.
  std::optional<std::string> packet;
  /// Exit status of the core, with kEnd.
  int status = 0;
};

class CoreMailbox {
 public:
  using Receiver = std::function<void(Napi::Env, const CoreMessage&)>;

  /// The receiver is called on the JavaScript thread, whose event loop the mailbox keeps running
  /// until close().
  CoreMailbox(Napi::Env env, Receiver receiver);

  /// Any thread. A message that comes too late is dropped; so is an event when kMaxEvents wait,
  /// which the reader of events sees as a hole in their numbers.
  void post(CoreMessage message);

  /// JavaScript thread, after the last message.
  void close();

  /// JavaScript thread: the environment ends, and takes the messages that wait with it.
  void abandon();

 private:
  /// As many as the core itself remembers.
  static constexpr size_t kMaxEvents = 65536;

  static void receive(Napi::Env env, Napi::Function callback, CoreMailbox* mailbox,
                      CoreMessage* message);
  using Channel = Napi::TypedThreadSafeFunction<CoreMailbox, CoreMessage, &CoreMailbox::receive>;

  Receiver receiver_;
  Channel channel_;

  std::mutex mutex_;
  size_t waitingEvents_ = 0;
  bool isOpen_ = true;
};

}  // namespace muleplex

#endif  // MULEPLEX_BINDING_CORE_MAILBOX_H_
