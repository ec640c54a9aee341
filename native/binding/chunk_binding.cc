// SPDX-License-Identifier: GPL-2.0-or-later
#include "chunk_binding.h"

#include <memory>
#include <utility>
#include <vector>

#include "arguments.h"
#include "chunk_namer.h"
#include "named_chunks.h"
#include "promise_worker.h"

namespace muleplex {
namespace {

class CutTask final : public Task {
 public:
  CutTask(Chunker chunker, const SecretKey& idKey, const Napi::Value& buffer, bool isLast)
      : chunker_(chunker),
        idKey_(idKey),
        bytes_(bytesOf(buffer)),
        pin_(pin(buffer)),
        isLast_(isLast) {}

  void run() override {
    HmacSha256 namer(idKey_);
    chunks_ = nameChunks(namer, bytes_.data, chunker_.cut(bytes_.data, bytes_.size, isLast_));
  }

  Napi::Value result(Napi::Env env) override { return chunksToObject(env, std::move(chunks_)); }

 private:
  Chunker chunker_;
  SecretKey idKey_;
  ByteView bytes_;
  Pin pin_;
  bool isLast_;
  NamedChunks chunks_;
};

class NameTask final : public Task {
 public:
  NameTask(const SecretKey& idKey, const Napi::Value& buffers)
      : idKey_(idKey), bytes_(bytesOfEach(buffers)), pin_(pin(buffers)) {}

  void run() override {
    HmacSha256 namer(idKey_);
    ids_.reserve(bytes_.size() * kHmacSize);
    for (const ByteView bytes : bytes_) {
      const HmacDigest id = namer.mac(bytes.data, bytes.size);
      ids_.insert(ids_.end(), id.begin(), id.end());
    }
  }

  Napi::Value result(Napi::Env env) override { return toBuffer(env, std::move(ids_)); }

 private:
  SecretKey idKey_;
  std::vector<ByteView> bytes_;
  Pin pin_;
  std::vector<uint8_t> ids_;
};

/// cutAndName(gearKey, idKey, average, buffer, isLast) => Promise<{lengths, ids, consumed}>
Napi::Value cutAndName(const Napi::CallbackInfo& info) {
  return startTask(info.Env(),
                   std::make_unique<CutTask>(makeChunker(keyOf(info[0]), u32Of(info[2])),
                                             keyOf(info[1]), info[3], info[4].ToBoolean().Value()));
}

/// nameChunks(idKey, buffers[]) => Promise<ids: Buffer of 32 bytes each>
Napi::Value nameEach(const Napi::CallbackInfo& info) {
  return startTask(info.Env(), std::make_unique<NameTask>(keyOf(info[0]), info[1]));
}

}  // namespace

void initChunk(Napi::Env env, Napi::Object exports) {
  exports.Set("cutAndName", Napi::Function::New<cutAndName>(env, "cutAndName"));
  exports.Set("nameChunks", Napi::Function::New<nameEach>(env, "nameChunks"));
}

}  // namespace muleplex
