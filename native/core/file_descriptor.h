// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef MULEPLEX_CORE_FILE_DESCRIPTOR_H_
#define MULEPLEX_CORE_FILE_DESCRIPTOR_H_

#include <unistd.h>

#include <utility>

namespace muleplex {

/// Owns an open descriptor, or none (-1).
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~FileDescriptor() { close(); }

  int get() const { return fd_; }
  bool isOpen() const { return fd_ >= 0; }
  /// The caller owns the descriptor from here on.
  int release() { return std::exchange(fd_, -1); }
  /// Closes now; the result of close(2), 0 when nothing was open.
  int close() { return fd_ < 0 ? 0 : ::close(std::exchange(fd_, -1)); }

 private:
  int fd_ = -1;
};

}  // namespace muleplex

#endif  // MULEPLEX_CORE_FILE_DESCRIPTOR_H_
