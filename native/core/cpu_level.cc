// SPDX-License-Identifier: GPL-2.0-or-later
#include "cpu_level.h"

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

}  // namespace

CpuLevel cpuLevel() {
  static const CpuLevel kLevel = cpuLevelNow();
  return kLevel;
}

}  // namespace muleplex
