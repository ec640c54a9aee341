// SPDX-License-Identifier: GPL-2.0-or-later
#include "allocator_binding.h"

#include <cstdlib>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace muleplex {
namespace {

// By default each thread has a heap of its own, and a large block that was freed once makes glibc
// take later ones from those heaps, which grow by what they cannot give back.
constexpr int kArenasMax = 2;
constexpr int kMappedSizeMin = 256 * 1024;
constexpr int kTrimSize = 1024 * 1024;

/// returnFreeMemory(): from now on large blocks are the kernel's again when they are freed. For the
/// whole process, and for those of other threads too.
Napi::Value returnFreeMemory(const Napi::CallbackInfo& info) {
#ifdef __GLIBC__
  mallopt(M_ARENA_MAX, kArenasMax);
  mallopt(M_MMAP_THRESHOLD, kMappedSizeMin);
  mallopt(M_TRIM_THRESHOLD, kTrimSize);
#endif
  return info.Env().Undefined();
}

}  // namespace

void initAllocator(Napi::Env env, Napi::Object exports) {
  exports.Set("returnFreeMemory", Napi::Function::New<returnFreeMemory>(env, "returnFreeMemory"));
}

}  // namespace muleplex
