// SPDX-License-Identifier: GPL-2.0-or-later
#include "frame_binding.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "arguments.h"
#include "check.h"
#include "frame.h"
#include "promise_worker.h"

namespace muleplex {
namespace {

std::optional<SecretKey> optionalKeyOf(const Napi::Value& value) {
  if (value.IsUndefined()) return std::nullopt;
  return keyOf(value);
}

class EncodeTask final : public Task {
 public:
  explicit EncodeTask(const Napi::CallbackInfo& info)
      : encKey_(keyOf(info[0])),
        sivKey_(keyOf(info[1])),
        keyEpoch_(u32Of(info[2])),
        level_(static_cast<int>(integerOf(info[3]))),
        chunks_(bytesOfEach(info[4])),
        pin_(pin(info[4])) {}

  void run() override {
    FrameEncoder encoder(encKey_, sivKey_, keyEpoch_, level_);
    for (const ByteView chunk : chunks_) {
      const size_t start = frames_.size();
      codecs_.push_back(static_cast<uint32_t>(encoder.encode(chunk.data, chunk.size, frames_)));
      lengths_.push_back(static_cast<uint32_t>(frames_.size() - start));
    }
  }

  Napi::Value result(Napi::Env env) override {
    Napi::Object object = Napi::Object::New(env);
    object.Set("frames", toBuffer(env, std::move(frames_)));
    object.Set("lengths", toUint32Array(env, lengths_));
    object.Set("codecs", toUint32Array(env, codecs_));
    return object;
  }

 private:
  SecretKey encKey_;
  SecretKey sivKey_;
  uint32_t keyEpoch_;
  int level_;
  std::vector<ByteView> chunks_;
  Pin pin_;
  std::vector<uint8_t> frames_;
  std::vector<uint32_t> lengths_;
  std::vector<uint32_t> codecs_;
};

struct DecodeItem {
  ByteView frame;
  FrameHeader header;
  ByteView id;
};

class DecodeTask final : public Task {
 public:
  explicit DecodeTask(const Napi::CallbackInfo& info)
      : encKey_(keyOf(info[0])),
        sivKey_(optionalKeyOf(info[1])),
        idKey_(optionalKeyOf(info[2])),
        pin_(pin(info[3])) {
    const auto array = info[3].As<Napi::Array>();
    MULEPLEX_CHECK(array.IsArray());
    items_.reserve(array.Length());
    for (uint32_t i = 0; i < array.Length(); ++i) {
      const Napi::HandleScope scope(info.Env());
      items_.push_back(itemOf(array.Get(i).As<Napi::Object>()));
      rawSize_ += items_.back().header.rawLength;
    }
  }

  void run() override {
    raw_.resize(rawSize_);
    FrameDecoder decoder(encKey_, sivKey_ ? &*sivKey_ : nullptr);
    std::optional<HmacSha256> namer;
    if (idKey_) namer.emplace(*idKey_);
    uint8_t* raw = raw_.data();
    for (size_t i = 0; i < items_.size(); ++i) {
      const DecodeItem& item = items_[i];
      decoder.decode(item.header, item.frame.data, item.frame.size, raw, i);
      if (namer) {
        const HmacDigest id = namer->mac(raw, item.header.rawLength);
        if (!equalSecret(id.data(), item.id.data, id.size())) {
          throw Failure(FailureKind::kCorrupt, "the chunk does not match its id", i);
        }
      }
      raw += item.header.rawLength;
    }
  }

  Napi::Value result(Napi::Env env) override { return toBuffer(env, std::move(raw_)); }

 private:
  DecodeItem itemOf(const Napi::Object& object) const {
    DecodeItem item;
    item.frame = bytesOf(object.Get("frame"));
    const uint32_t codec = u32Of(object.Get("codec"));
    MULEPLEX_CHECK(codec <= UINT8_MAX);
    item.header.codec = static_cast<FrameCodec>(codec);
    item.header.keyEpoch = u32Of(object.Get("keyEpoch"));
    item.header.rawLength = u32Of(object.Get("rawLength"));
    const ByteView baseIds = bytesOf(object.Get("baseIds"));
    item.header.baseIds = baseIds.data;
    item.header.baseCount = baseIds.size / kBaseIdSize;
    if (idKey_) {
      item.id = bytesOf(object.Get("id"));
      MULEPLEX_CHECK(item.id.size == kHmacSize);
    }
    return item;
  }

  SecretKey encKey_;
  std::optional<SecretKey> sivKey_;
  std::optional<SecretKey> idKey_;
  Pin pin_;
  std::vector<DecodeItem> items_;
  size_t rawSize_ = 0;
  std::vector<uint8_t> raw_;
};

/// encodeFrames(encKey, sivKey, keyEpoch, level, chunks[]) => Promise<{frames, lengths, codecs}>:
/// all frames end to end in one buffer.
Napi::Value encodeFrames(const Napi::CallbackInfo& info) {
  return startTask(info.Env(), std::make_unique<EncodeTask>(info));
}

/// decodeFrames(encKey, sivKey | undefined, idKey | undefined, items[]) => Promise<Buffer>: all
/// chunks end to end; items are {frame, codec, keyEpoch, rawLength, baseIds, id}.
Napi::Value decodeFrames(const Napi::CallbackInfo& info) {
  return startTask(info.Env(), std::make_unique<DecodeTask>(info));
}

}  // namespace

void initFrame(Napi::Env env, Napi::Object exports) {
  exports.Set("encodeFrames", Napi::Function::New<encodeFrames>(env, "encodeFrames"));
  exports.Set("decodeFrames", Napi::Function::New<decodeFrames>(env, "decodeFrames"));
}

}  // namespace muleplex
