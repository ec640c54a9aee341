// SPDX-License-Identifier: GPL-2.0-or-later
#include "chunk_binding.h"

#include <algorithm>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "arguments.h"
#include "check.h"
#include "chunk_namer.h"
#include "named_chunks.h"
#include "task.h"

namespace muleplex {
namespace {

class CutTask final : public Task {
 public:
  CutTask(const SecretKey& gearKey, const SecretKey& idKey, uint32_t average,
          const Napi::Value& buffer, bool isLast)
      : gearKey_(gearKey),
        idKey_(idKey),
        average_(average),
        bytes_(bytesOf(buffer)),
        pin_(pin(buffer)),
        isLast_(isLast) {}

  void run() override {
    const Chunker chunker = makeChunker(gearKey_, average_);
    const ChunkNamer namer(idKey_);
    chunks_ = nameChunks(namer, bytes_.data, chunker.cut(bytes_.data, bytes_.size, isLast_));
  }

  Napi::Value result(Napi::Env env) override { return chunksToObject(env, std::move(chunks_)); }

 private:
  SecretKey gearKey_;
  SecretKey idKey_;
  uint32_t average_;
  ByteView bytes_;
  Pin pin_;
  bool isLast_;
  NamedChunks chunks_;
};

class NameTask final : public Task {
 public:
  NameTask(const SecretKey& idKey, const Napi::Value& buffers)
      : idKey_(idKey), pin_(pin(buffers)) {
    for (const ByteView bytes : bytesOfEach(buffers)) chunks_.emplace_back(bytes.data, bytes.size);
  }

  void run() override {
    ids_.resize(chunks_.size() * kHmacSize);
    ChunkNamer(idKey_).name(chunks_, ids_.data());
  }

  Napi::Value result(Napi::Env env) override { return toBuffer(env, std::move(ids_)); }

 private:
  SecretKey idKey_;
  std::vector<std::span<const uint8_t>> chunks_;
  Pin pin_;
  std::vector<uint8_t> ids_;
};

class CopyTask final : public Task {
 public:
  CopyTask(const SecretKey& idKey, const Napi::Value& chunks, const Napi::Value& places)
      : idKey_(idKey),
        from_(bytesOfEach(chunks)),
        fromPin_(pin(chunks)),
        to_(bytesOfEach(places)),
        toPin_(pin(places)) {
    MULEPLEX_CHECK(to_.size() == from_.size());
    for (size_t i = 0; i < to_.size(); ++i) MULEPLEX_CHECK(to_[i].size == from_[i].size);
  }

  void run() override {
    std::vector<std::span<const uint8_t>> copies;
    for (size_t i = 0; i < from_.size(); ++i) {
      std::copy_n(from_[i].data, from_[i].size, const_cast<uint8_t*>(to_[i].data));
      copies.emplace_back(to_[i].data, to_[i].size);
    }
    ids_.resize(copies.size() * kHmacSize);
    ChunkNamer(idKey_).name(copies, ids_.data());
  }

  Napi::Value result(Napi::Env env) override { return toBuffer(env, std::move(ids_)); }

 private:
  SecretKey idKey_;
  std::vector<ByteView> from_;
  Pin fromPin_;
  std::vector<ByteView> to_;
  Pin toPin_;
  std::vector<uint8_t> ids_;
};

/// cutAndName(gearKey, idKey, average, buffer, isLast) => Promise<{lengths, ids, consumed}>
Napi::Value cutAndName(const Napi::CallbackInfo& info) {
  return startTask(info.Env(),
                   std::make_unique<CutTask>(keyOf(info[0]), keyOf(info[1]), u32Of(info[2]),
                                             info[3], info[4].ToBoolean().Value()));
}

/// nameChunks(idKey, buffers[]) => Promise<ids: Buffer of 32 bytes each>
Napi::Value nameEach(const Napi::CallbackInfo& info) {
  return startTask(info.Env(), std::make_unique<NameTask>(keyOf(info[0]), info[1]));
}

/// copyChunks(idKey, chunks[], places[]) => Promise<ids: Buffer of 32 bytes each>: places are
/// buffers as long as the chunks.
Napi::Value copyEach(const Napi::CallbackInfo& info) {
  return startTask(info.Env(), std::make_unique<CopyTask>(keyOf(info[0]), info[1], info[2]));
}

}  // namespace

void initChunk(Napi::Env env, Napi::Object exports) {
  exports.Set("cutAndName", Napi::Function::New<cutAndName>(env, "cutAndName"));
  exports.Set("copyChunks", Napi::Function::New<copyEach>(env, "copyChunks"));
  exports.Set("nameChunks", Napi::Function::New<nameEach>(env, "nameChunks"));
}

}  // namespace muleplex
