// SPDX-License-Identifier: GPL-2.0-or-later
#include "memory_binding.h"

#include <cstdlib>
#include <cstring>

#include "arguments.h"
#include "check.h"

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

/// copyBytes(from, to, start): to[start..start + from.length) becomes what is in `from`.
Napi::Value copyBytes(const Napi::CallbackInfo& info) {
  const ByteView from = bytesOf(info[0]);
  const ByteView to = bytesOf(info[1]);
  const size_t start = sizeOf(info[2]);
  MULEPLEX_CHECK(start <= to.size && from.size <= to.size - start);
  if (from.size > 0) std::memmove(const_cast<uint8_t*>(to.data) + start, from.data, from.size);
  return info.Env().Undefined();
}

/// announceGarbage(bytes): the collector has not counted these, and begins a collection for them.
Napi::Value announceGarbage(const Napi::CallbackInfo& info) {
  const auto bytes = static_cast<int64_t>(sizeOf(info[0]));
  Napi::MemoryManagement::AdjustExternalMemory(info.Env(), bytes);
  Napi::MemoryManagement::AdjustExternalMemory(info.Env(), -bytes);
  return info.Env().Undefined();
}

}  // namespace

void initMemory(Napi::Env env, Napi::Object exports) {
  exports.Set("announceGarbage", Napi::Function::New<announceGarbage>(env, "announceGarbage"));
  exports.Set("copyBytes", Napi::Function::New<copyBytes>(env, "copyBytes"));
  exports.Set("returnFreeMemory", Napi::Function::New<returnFreeMemory>(env, "returnFreeMemory"));
}

}  // namespace muleplex
