// SPDX-License-Identifier: GPL-2.0-or-later
#include "cpu_level.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <cstdlib>
#include <string_view>

namespace muleplex {
namespace {

CpuLevel cpuLevelNow() {
#if defined(__x86_64__)
  const char* limit = std::getenv("MULEPLEX_CPU");
  const std::string_view most = limit == nullptr ? "" : limit;
  if (most == "baseline" || !__builtin_cpu_supports("avx2")) return CpuLevel::kBaseline;
  const bool hasAvx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  return most == "avx2" || !hasAvx512 ? CpuLevel::kAvx2 : CpuLevel::kAvx512;
#else
  return CpuLevel::kBaseline;
#endif
}

#if defined(__x86_64__)
/// __builtin_cpu_supports() of clang 14 does not know them.
bool processorHasVectorAes() {
  constexpr unsigned kVaes = 1u << 9, kVpclmulqdq = 1u << 10;
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 1 && (ecx & kVaes) != 0 &&
         (ecx & kVpclmulqdq) != 0;
}
#endif

}  // namespace

CpuLevel cpuLevel() {
  static const CpuLevel kLevel = cpuLevelNow();
  return kLevel;
}

bool hasVectorAes() {
#if defined(__x86_64__)
  static const bool kHas = cpuLevel() == CpuLevel::kAvx512 && processorHasVectorAes();
  return kHas;
#else
  return false;
#endif
}

}  // namespace muleplex
