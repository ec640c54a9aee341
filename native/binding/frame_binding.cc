// SPDX-License-Identifier: GPL-2.0-or-later
#include "frame_binding.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"
#include "check.h"
#include "frame.h"
#include "piece_reader.h"
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
    // No payload is longer than its chunk.
    size_t sizeMax = 0;
    for (const ByteView chunk : chunks_) sizeMax += chunk.size + kFrameOverhead;
    frames_.reserve(sizeMax);
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
  /// The frame's bytes, or where they are: `length` bytes at `offset` of the file at `path`.
  ByteView frame;
  std::string path;
  uint64_t offset = 0;
  size_t length = 0;
  FrameHeader header;
  /// 32 bytes for each of the lengths, which add up to the raw length; none to check without K_id.
  ByteView ids;
  std::vector<uint32_t> chunkLengths;
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
      const ByteView frame = item.path.empty() ? item.frame : readFrame(item, i);
      decoder.decode(item.header, frame.data, frame.size, raw, i);
      if (namer) checkIds(*namer, item, raw, i);
      raw += item.header.rawLength;
    }
  }

  Napi::Value result(Napi::Env env) override { return toBuffer(env, std::move(raw_)); }

 private:
  ByteView readFrame(const DecodeItem& item, size_t index) {
    frame_.resize(item.length);
    size_t bytesRead = 0;
    const int error = reader_.read(item.path, item.offset, frame_.data(), item.length, bytesRead);
    if (error != 0) throw Failure::system("read", error, index);
    if (bytesRead < item.length) {
      throw Failure(FailureKind::kCorrupt, "the pack ends within the frame", index);
    }
    return {frame_.data(), bytesRead};
  }

  static void checkIds(HmacSha256& namer, const DecodeItem& item, const uint8_t* raw,
                       size_t index) {
    size_t offset = 0;
    for (size_t i = 0; i < item.chunkLengths.size(); ++i) {
      const HmacDigest id = namer.mac(raw + offset, item.chunkLengths[i]);
      if (!equalSecret(id.data(), item.ids.data + i * kHmacSize, kHmacSize)) {
        throw Failure(FailureKind::kCorrupt, "the chunk does not match its id", index);
      }
      offset += item.chunkLengths[i];
    }
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
    if (idKey_) {
      item.ids = bytesOf(object.Get("ids"));
      item.chunkLengths = u32sOf(object.Get("chunkLengths"));
      size_t sum = 0;
      for (const uint32_t length : item.chunkLengths) sum += length;
      MULEPLEX_CHECK(sum == item.header.rawLength);
      MULEPLEX_CHECK(item.ids.size == item.chunkLengths.size() * kHmacSize);
    }
    return item;
  }

  SecretKey encKey_;
  std::optional<SecretKey> sivKey_;
  std::optional<SecretKey> idKey_;
  Pin pin_;
  std::vector<DecodeItem> items_;
  size_t rawSize_ = 0;
  PieceReader reader_;
  std::vector<uint8_t> frame_;
  std::vector<uint8_t> raw_;
};

/// encodeFrames(encKey, sivKey, keyEpoch, level, chunks[]) => Promise<{frames, lengths, codecs}>:
/// all frames end to end in one buffer.
Napi::Value encodeFrames(const Napi::CallbackInfo& info) {
  return startTask(info.Env(), std::make_unique<EncodeTask>(info));
}

/// decodeFrames(encKey, sivKey | undefined, idKey | undefined, items[]) => Promise<Buffer>: all
/// chunks end to end; items are {frame | path, offset, length; codec,
/// keyEpoch, rawLength, baseIds, ids, chunkLengths}.
Napi::Value decodeFrames(const Napi::CallbackInfo& info) {
  return startTask(info.Env(), std::make_unique<DecodeTask>(info));
}

}  // namespace

void initFrame(Napi::Env env, Napi::Object exports) {
  exports.Set("encodeFrames", Napi::Function::New<encodeFrames>(env, "encodeFrames"));
  exports.Set("decodeFrames", Napi::Function::New<decodeFrames>(env, "decodeFrames"));
}

}  // namespace muleplex
