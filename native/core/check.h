// SPDX-License-Identifier: GPL-2.0-or-later
// CHECK for programmer errors. Not assert(): Release builds keep it, and going on would be worse.
#ifndef MULEPLEX_CORE_CHECK_H_
#define MULEPLEX_CORE_CHECK_H_

#include <cstdio>
#include <cstdlib>

#define MULEPLEX_CHECK(condition)                                                        \
  do {                                                                                   \
    if (!(condition)) [[unlikely]] {                                                     \
      std::fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)

#endif  // MULEPLEX_CORE_CHECK_H_
