// SPDX-License-Identifier: GPL-2.0-or-later
// The one exception of the kernels: an operating error that somebody can act on.
#ifndef MULEPLEX_CORE_FAILURE_H_
#define MULEPLEX_CORE_FAILURE_H_

#include <cstddef>
#include <stdexcept>
#include <string>

namespace muleplex {

enum class FailureKind {
  kSystem,       ///< A system call failed; see systemError().
  kCorrupt,      ///< Bytes do not match their tag or id.
  kMalformed,    ///< Authentic bytes do not have the declared layout.
  kLimit,        ///< A named bound was reached.
  kUnsupported,  ///< A layout of a later format version.
};

/// What failed, in one sentence without advice; `index` is the item of a batch it belongs to.
class Failure : public std::runtime_error {
 public:
  Failure(FailureKind kind, const std::string& message, size_t index = 0)
      : std::runtime_error(message), kind_(kind), index_(index) {}

  /// A failed system call and its errno value.
  static Failure system(const char* call, int systemError, size_t index = 0) {
    Failure failure(FailureKind::kSystem, call, index);
    failure.systemError_ = systemError;
    return failure;
  }

  FailureKind kind() const { return kind_; }
  int systemError() const { return systemError_; }
  size_t index() const { return index_; }

 private:
  FailureKind kind_;
  size_t index_;
  int systemError_ = 0;
};

}  // namespace muleplex

#endif  // MULEPLEX_CORE_FAILURE_H_
