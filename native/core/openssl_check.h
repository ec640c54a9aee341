// SPDX-License-Identifier: GPL-2.0-or-later
// For calls of OpenSSL that fail only when memory or OpenSSL itself does.
#ifndef MULEPLEX_CORE_OPENSSL_CHECK_H_
#define MULEPLEX_CORE_OPENSSL_CHECK_H_

#include <stdexcept>
#include <string>

namespace muleplex {

inline void require(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(std::string("OpenSSL failed: ") + what);
}

}  // namespace muleplex

#endif  // MULEPLEX_CORE_OPENSSL_CHECK_H_
