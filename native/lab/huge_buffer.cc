// SPDX-License-Identifier: GPL-2.0-or-later
#include "huge_buffer.h"

#include <sys/mman.h>

#include <new>

namespace muleplex {

uint8_t* HugeBuffer::data() {
  if (data_ != nullptr) return data_;
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void* memory = mmap(nullptr, size_, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  // Without them it works too.
  madvise(memory, size_, MADV_HUGEPAGE);
  data_ = static_cast<uint8_t*>(memory);
  return data_;
}

void HugeBuffer::release() {
  if (data_ != nullptr) munmap(data_, size_);
  data_ = nullptr;
}

}  // namespace muleplex
