// SPDX-License-Identifier: GPL-2.0-or-later
#include "frame_binding.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"
#include "check.h"
#include "frame.h"
#include "object_pool.h"
#include "piece_reader.h"
#include "task.h"
#include "similarity.h"

namespace muleplex {
namespace {

/// The buffers of an array, whose memory the caller must keep.
std::vector<ByteSpan> spansOf(const Napi::Value& array) {
  std::vector<ByteSpan> spans;
  for (const ByteView view : bytesOfEach(array)) spans.emplace_back(view.data, view.size);
  return spans;
}

class EncodeTask final : public Task {
 public:
  explicit EncodeTask(const Napi::CallbackInfo& info)
      : encKey_(keyOf(info[0])),
        sivKey_(keyOf(info[1])),
        keyEpoch_(u32Of(info[2])),
        level_(static_cast<int>(integerOf(info[3]))),
        chunkPin_(pin(info[4])),
        basePin_(pin(info[5])),
        baseIdPin_(pin(info[6])),
        intoPin_(pin(info[7])) {
    group_.chunks = spansOf(info[4]);
    group_.bases = spansOf(info[5]);
    const ByteView baseIds = bytesOf(info[6]);
    MULEPLEX_CHECK(baseIds.size == group_.bases.size() * kBaseIdSize);
    MULEPLEX_CHECK(group_.bases.size() <= kBaseCountMax);
    group_.baseIds = baseIds.data;
    const ByteView room = bytesOf(info[7]);
    into_ = {const_cast<uint8_t*>(room.data), room.size};
  }

  void run() override {
    FrameEncoder(encKey_, sivKey_, keyEpoch_, level_).encode(group_, into_, frames_);
  }

  Napi::Value result(Napi::Env env) override {
    std::vector<uint32_t> lengths, codecs, chunkCounts, chunks;
    for (const EncodedFrame& frame : frames_) {
      lengths.push_back(frame.length);
      codecs.push_back(static_cast<uint32_t>(frame.codec));
      chunkCounts.push_back(static_cast<uint32_t>(frame.chunks.size()));
      chunks.insert(chunks.end(), frame.chunks.begin(), frame.chunks.end());
    }
    Napi::Object object = Napi::Object::New(env);
    object.Set("lengths", toUint32Array(env, lengths));
    object.Set("codecs", toUint32Array(env, codecs));
    object.Set("chunkCounts", toUint32Array(env, chunkCounts));
    object.Set("chunks", toUint32Array(env, chunks));
    return object;
  }

 private:
  SecretKey encKey_;
  SecretKey sivKey_;
  uint32_t keyEpoch_;
  int level_;
  Pin chunkPin_;
  Pin basePin_;
  Pin baseIdPin_;
  Pin intoPin_;
  ChunkGroup group_;
  std::span<uint8_t> into_;
  std::vector<EncodedFrame> frames_;
};

class FeatureTask final : public Task {
 public:
  explicit FeatureTask(const Napi::CallbackInfo& info)
      : chunks_(bytesOfEach(info[0])), pin_(pin(info[0])) {}

  void run() override {
    features_.reserve(chunks_.size() * kSuperFeatureCount);
    for (const ByteView chunk : chunks_) {
      const SuperFeatures features = superFeatures(chunk.data, chunk.size);
      features_.insert(features_.end(), features.begin(), features.end());
    }
  }

  Napi::Value result(Napi::Env env) override { return toUint32Array(env, features_); }

 private:
  std::vector<ByteView> chunks_;
  Pin pin_;
  std::vector<uint32_t> features_;
};

/// What frames are read into. Never destroyed, as the memory of decoders is not.
ObjectPool<Scratch>& readPool() {
  static auto* pool = new ObjectPool<Scratch>;
  return *pool;
}

struct DecodeItem {
  /// The frame's bytes, or where they are: `length` bytes at `offset` of the file at `path`.
  ByteView frame;
  std::string path;
  uint64_t offset = 0;
  size_t length = 0;
  FrameHeader header;
  /// The chunks that header.baseIds names.
  std::vector<ByteSpan> bases;
};

class DecodeTask final : public Task {
 public:
  explicit DecodeTask(const Napi::CallbackInfo& info)
      : encKey_(keyOf(info[0])),
        sivKey_(optionalKeyOf(info[1])),
        pin_(pin(info[2])),
        places_(bytesOfEach(info[3])),
        placesPin_(pin(info[3])) {
    const auto array = info[2].As<Napi::Array>();
    MULEPLEX_CHECK(array.IsArray());
    MULEPLEX_CHECK(array.Length() == places_.size());
    items_.reserve(array.Length());
    for (uint32_t i = 0; i < array.Length(); ++i) {
      const Napi::HandleScope scope(info.Env());
      items_.push_back(itemOf(array.Get(i).As<Napi::Object>()));
      MULEPLEX_CHECK(places_[i].size == items_.back().header.rawLength);
    }
  }

  void run() override {
    FrameDecoder decoder(encKey_, sivKey_ ? &*sivKey_ : nullptr);
    const ObjectPool<Scratch>::Lent memory = readPool().take();
    for (size_t i = 0; i < items_.size(); ++i) {
      const DecodeItem& item = items_[i];
      const ByteView frame = item.path.empty() ? item.frame : readFrame(item, *memory, i);
      uint8_t* const place = const_cast<uint8_t*>(places_[i].data);
      decoder.decode(item.header, item.bases, {frame.data, frame.size}, place, i);
    }
  }

  Napi::Value result(Napi::Env env) override { return env.Undefined(); }

 private:
  ByteView readFrame(const DecodeItem& item, Scratch& memory, size_t index) {
    memory.resize(std::max(memory.size(), item.length));
    size_t bytesRead = 0;
    const int error = reader_.read(item.path, item.offset, memory.data(), item.length, bytesRead);
    if (error != 0) throw Failure::system("read", error, index);
    if (bytesRead < item.length) {
      throw Failure(FailureKind::kCorrupt, "the pack ends within the frame", index);
    }
    return {memory.data(), bytesRead};
  }

  DecodeItem itemOf(const Napi::Object& object) const {
    DecodeItem item;
    const Napi::Value frame = object.Get("frame");
    if (frame.IsBuffer()) {
      item.frame = bytesOf(frame);
    } else {
      item.path = textOf(object.Get("path"));
      item.offset = sizeOf(object.Get("offset"));
      item.length = u32Of(object.Get("length"));
      MULEPLEX_CHECK(!item.path.empty() && item.length <= kFrameRawMax + kFrameOverhead);
    }
    const uint32_t codec = u32Of(object.Get("codec"));
    MULEPLEX_CHECK(codec <= UINT8_MAX);
    item.header.codec = static_cast<FrameCodec>(codec);
    item.header.keyEpoch = u32Of(object.Get("keyEpoch"));
    item.header.rawLength = u32Of(object.Get("rawLength"));
    const ByteView baseIds = bytesOf(object.Get("baseIds"));
    item.header.baseIds = baseIds.data;
    item.header.baseCount = baseIds.size / kBaseIdSize;
    item.bases = spansOf(object.Get("bases"));
    MULEPLEX_CHECK(item.bases.size() == item.header.baseCount);
    MULEPLEX_CHECK(item.header.baseCount <= kBaseCountMax);
    return item;
  }

  SecretKey encKey_;
  std::optional<SecretKey> sivKey_;
  Pin pin_;
  std::vector<DecodeItem> items_;
  PieceReader reader_;
  std::vector<ByteView> places_;
  Pin placesPin_;
};

/// encodeFrames(encKey, sivKey, keyEpoch, level, chunks[], bases[], baseIds, into) =>
/// Promise<{lengths, codecs, chunkCounts, chunks}>: `into` gets the frames of one group end to end;
/// the result has the indices of the chunks in the order in which the frames hold them.
Napi::Value encodeFrames(const Napi::CallbackInfo& info) {
  return startTask(info.Env(), std::make_unique<EncodeTask>(info));
}

/// decodeFrames(encKey, sivKey | undefined, items[], places[]) => Promise<undefined>: places are
/// buffers of the raw lengths; items are {frame | path, offset, length; codec, keyEpoch, rawLength,
/// baseIds, bases[]}.
Napi::Value decodeFrames(const Napi::CallbackInfo& info) {
  return startTask(info.Env(), std::make_unique<DecodeTask>(info));
}

/// superFeatures(chunks[]) => Promise<Uint32Array>: four for each chunk.
Napi::Value superFeaturesOf(const Napi::CallbackInfo& info) {
  return startTask(info.Env(), std::make_unique<FeatureTask>(info));
}

}  // namespace

void initFrame(Napi::Env env, Napi::Object exports) {
  exports.Set("encodeFrames", Napi::Function::New<encodeFrames>(env, "encodeFrames"));
  exports.Set("decodeFrames", Napi::Function::New<decodeFrames>(env, "decodeFrames"));
  exports.Set("superFeatures", Napi::Function::New<superFeaturesOf>(env, "superFeatures"));
}

}  // namespace muleplex
