// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef MULEPLEX_LAB_HUGE_BUFFER_H_
#define MULEPLEX_LAB_HUGE_BUFFER_H_

#include <cstddef>
#include <cstdint>

namespace muleplex {

/// Memory in huge pages where the kernel has them: many streams in small pages wait for addresses
/// to be translated. It takes room only as far as it is used, and until release().
class HugeBuffer {
 public:
  explicit HugeBuffer(size_t size) : size_(size) {}
  HugeBuffer(const HugeBuffer&) = delete;
  HugeBuffer& operator=(const HugeBuffer&) = delete;
  ~HugeBuffer() { release(); }

  /// `size` bytes, zeros at first. Throws std::bad_alloc.
  uint8_t* data();
  void release();

 private:
  size_t size_;
  uint8_t* data_ = nullptr;
};

}  // namespace muleplex

#endif  // MULEPLEX_LAB_HUGE_BUFFER_H_
