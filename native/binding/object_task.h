// SPDX-License-Identifier: GPL-2.0-or-later
// Tasks on an object that JavaScript holds, of which one runs at a time.
#ifndef MULEPLEX_BINDING_OBJECT_TASK_H_
#define MULEPLEX_BINDING_OBJECT_TASK_H_

#include <napi.h>

#include "arguments.h"
#include "check.h"
#include "task.h"

namespace muleplex {

/// The JavaScript object of a `Core`. The facade sees to it that no two tasks run at once.
template <typename Core>
class Exclusive {
 public:
  template <typename... Arguments>
  explicit Exclusive(Arguments... arguments) : core_(arguments...) {}

  Core& core() { return core_; }
  void begin() {
    MULEPLEX_CHECK(!isBusy_);
    isBusy_ = true;
  }
  void end() { isBusy_ = false; }

 private:
  Core core_;
  bool isBusy_ = false;
};

/// A task on an object that is Exclusive, which it keeps alive and to itself.
template <typename Object>
class ObjectTask : public Task {
 public:
  explicit ObjectTask(Object& object) : object_(object), self_(pin(object.Value())) {
    object_.begin();
  }
  void settle() override { object_.end(); }

 protected:
  auto& core() { return object_.core(); }

 private:
  Object& object_;
  Pin self_;
};

}  // namespace muleplex

#endif  // MULEPLEX_BINDING_OBJECT_TASK_H_
