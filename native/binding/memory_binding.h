// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef MULEPLEX_BINDING_MEMORY_BINDING_H_
#define MULEPLEX_BINDING_MEMORY_BINDING_H_

#include <napi.h>

namespace muleplex {

/// Adds the functions returnFreeMemory, copyBytes and announceGarbage.
void initMemory(Napi::Env env, Napi::Object exports);

}  // namespace muleplex

#endif  // MULEPLEX_BINDING_MEMORY_BINDING_H_
