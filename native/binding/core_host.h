// SPDX-License-Identifier: GPL-2.0-or-later
// The aMule core in this process: openCore(path) gives an object with run, request, onEvent and
// stop, typed in src/native/core-library.ts.
#ifndef MULEPLEX_BINDING_CORE_HOST_H_
#define MULEPLEX_BINDING_CORE_HOST_H_

#include <napi.h>

namespace muleplex {

void initCoreHost(Napi::Env env, Napi::Object exports);

}  // namespace muleplex

#endif  // MULEPLEX_BINDING_CORE_HOST_H_
