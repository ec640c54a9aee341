// SPDX-License-Identifier: GPL-2.0-or-later
#include "named_chunks.h"

#include <utility>

#include "arguments.h"

namespace muleplex {

Napi::Object chunksToObject(Napi::Env env, NamedChunks&& chunks) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("lengths", toUint32Array(env, chunks.lengths));
  object.Set("ids", toBuffer(env, std::move(chunks.ids)));
  object.Set("consumed", toNumber(env, chunks.consumed));
  return object;
}

}  // namespace muleplex
