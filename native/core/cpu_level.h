// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef MULEPLEX_CORE_CPU_LEVEL_H_
#define MULEPLEX_CORE_CPU_LEVEL_H_

namespace muleplex {

/// Instructions that kernels may use, each including those before.
enum class CpuLevel { kBaseline, kAvx2, kAvx512 };

/// What the processor has, but not more than MULEPLEX_CPU says (baseline, avx2; for tests and
/// benchmarks). Baseline excludes the SHA instructions too.
CpuLevel cpuLevel();

/// Whether kernels may use VAES and VPCLMULQDQ too; not below kAvx512.
bool hasVectorAes();

}  // namespace muleplex

#endif  // MULEPLEX_CORE_CPU_LEVEL_H_
