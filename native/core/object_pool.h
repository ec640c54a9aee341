// SPDX-License-Identifier: GPL-2.0-or-later
// Objects that cost more to make than to use: as many as are in use at the same time, kept.
#ifndef MULEPLEX_CORE_OBJECT_POOL_H_
#define MULEPLEX_CORE_OBJECT_POOL_H_

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace muleplex {

/// For any thread. Has to outlive what it lends.
template <class T>
class ObjectPool {
 public:
  /// Gives the object back when it is destroyed.
  struct Return {
    ObjectPool* pool = nullptr;
    void operator()(T* object) const { pool->give(std::unique_ptr<T>(object)); }
  };
  using Lent = std::unique_ptr<T, Return>;

  /// In the state in which it was given back.
  Lent take() {
    std::unique_ptr<T> object;
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        object = std::move(free_.back());
        free_.pop_back();
      }
    }
    if (object == nullptr) object = std::make_unique<T>();
    return Lent(object.release(), Return{this});
  }

 private:
  void give(std::unique_ptr<T> object) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(object));
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<T>> free_;
};

}  // namespace muleplex

#endif  // MULEPLEX_CORE_OBJECT_POOL_H_
