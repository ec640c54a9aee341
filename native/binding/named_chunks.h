// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef MULEPLEX_BINDING_NAMED_CHUNKS_H_
#define MULEPLEX_BINDING_NAMED_CHUNKS_H_

#include <napi.h>

#include "chunk_namer.h"

namespace muleplex {

/// {lengths: Uint32Array, ids: Buffer, consumed: number}
Napi::Object chunksToObject(Napi::Env env, NamedChunks&& chunks);

}  // namespace muleplex

#endif  // MULEPLEX_BINDING_NAMED_CHUNKS_H_
