// SPDX-License-Identifier: GPL-2.0-or-later
// The addon: each file below adds its functions. Context-aware: nothing here is shared between
// environments but immutable tables, so worker threads may load it too.
#include <napi.h>
#include <openssl/crypto.h>

#include "batch_binding.h"
#include "chunk_binding.h"
#include "core_host.h"
#include "file_binding.h"
#include "frame_binding.h"
#include "hash_binding.h"
#include "memory_binding.h"
#include "piece_binding.h"
#include "writer_binding.h"

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  // process.exit() does not wait for our threads, so OpenSSL must not be torn down under them.
  OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr);
  muleplex::initMemory(env, exports);
  muleplex::initHash(env, exports);
  muleplex::initChunk(env, exports);
  muleplex::initFrame(env, exports);
  muleplex::initPiece(env, exports);
  muleplex::initFile(env, exports);
  muleplex::initBatch(env, exports);
  muleplex::initWriter(env, exports);
  muleplex::initCoreHost(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(muleplex, init)
