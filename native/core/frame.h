// SPDX-License-Identifier: GPL-2.0-or-later
// A frame: one or more chunks as they lie in a pack, compressed where that pays, and encrypted.
//
// frame     = salt[32] | ciphertext | tag[16]
// payload   = the bytes that are encrypted: the chunk (codec 0), or one zstd frame of it (1), of
//             several chunks (2), or of chunks after the bases as its raw-content prefix (3)
// AAD       = "muleplex frame" 0x00 | format u8 = 1 | cipher u8 = 1 (AES-256-GCM) | codec u8
//             | keyEpoch u32le | rawLength u32le | baseCount u8 | baseIds[32] each
// salt      = HMAC-SHA-256(K_siv, AAD | payload)
// frame key = HMAC-SHA-256(K_enc, "frame" | salt); nonce = 12 zero bytes
//
// Equal key, AAD and payload give an equal frame; two different payloads never share a frame key.
#ifndef MULEPLEX_CORE_FRAME_H_
#define MULEPLEX_CORE_FRAME_H_

#include <zstd.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include "crypto.h"
#include "object_pool.h"

namespace muleplex {

enum class FrameCodec : uint8_t {
  kRaw = 0,
  kZstd = 1,
  kZstdGroup = 2,
  kZstdPrefix = 3,
};

inline constexpr size_t kFrameSaltSize = 32;
inline constexpr size_t kFrameOverhead = kFrameSaltSize + kGcmTagSize;
/// Bounds what a decoder allocates for one frame.
inline constexpr size_t kFrameRawMax = 16 * 1024 * 1024;
inline constexpr size_t kBaseIdSize = 32;
inline constexpr size_t kBaseCountMax = 16;

/// What the AAD names besides the constants.
struct FrameHeader {
  FrameCodec codec = FrameCodec::kRaw;
  uint32_t keyEpoch = 0;
  uint32_t rawLength = 0;
  /// baseCount * 32 bytes; only codec 3 has bases.
  const uint8_t* baseIds = nullptr;
  size_t baseCount = 0;
};

std::vector<uint8_t> frameAad(const FrameHeader& header);

struct ZstdDeleter {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

/// Grows without a look at the new bytes, which take no memory until they are written.
template <class T>
struct UninitializedAllocator : std::allocator<T> {
  template <class U>
  struct rebind {
    using other = UninitializedAllocator<U>;
  };
  template <class U>
  void construct(U* place) {
    ::new (static_cast<void*>(place)) U;
  }
  template <class U, class... Arguments>
  void construct(U* place, Arguments&&... arguments) {
    ::new (static_cast<void*>(place)) U(std::forward<Arguments>(arguments)...);
  }
};

using Scratch = std::vector<uint8_t, UninitializedAllocator<uint8_t>>;

/// What an encoder works in: megabytes that are not allocated anew for each.
struct EncoderMemory {
  EncoderMemory();

  std::unique_ptr<ZSTD_CCtx, ZstdDeleter> zstd;
  /// What is compressed only to see how small it becomes.
  Scratch trial;
};

/// What a decoder works in.
struct DecoderMemory {
  DecoderMemory();

  std::unique_ptr<ZSTD_DCtx, ZstdDeleter> zstd;
  Scratch payload;
  Scratch prefix;
};

using ByteSpan = std::span<const uint8_t>;

/// Chunks to be encoded together: of 1 byte and more, with their bases at most kFrameRawMax.
struct ChunkGroup {
  std::vector<ByteSpan> chunks = {};
  /// None, or up to kBaseCountMax chunks that the new ones may resemble.
  std::vector<ByteSpan> bases = {};
  /// kBaseIdSize for each base.
  const uint8_t* baseIds = nullptr;
};

/// A frame that was made of some chunks of a group.
struct EncodedFrame {
  FrameCodec codec = FrameCodec::kRaw;
  uint32_t rawLength = 0;
  uint32_t length = 0;
  /// Indices of the chunks in the group, in their order in the frame.
  std::vector<uint32_t> chunks;
};

/// Encodes chunks under one key epoch, group after group. One thread at a time.
class FrameEncoder {
 public:
  /// `level` is a zstd level from 1 to 19: bytes that it is hardly better for get a faster one.
  FrameEncoder(const SecretKey& encKey, const SecretKey& sivKey, uint32_t keyEpoch, int level);

  /// Writes the frames of a group end to end to `out` and tells of each in `frames`. With bases all
  /// chunks become one delta when that pays. Otherwise those that compress share a frame, and the
  /// others are stored raw: saving less than a sixteenth does not pay for decompressing. `out` has
  /// room for all chunks, each with kFrameOverhead.
  void encode(const ChunkGroup& group, std::span<uint8_t> out, std::vector<EncodedFrame>& frames);

  /// Writes the frame of a payload that is what `header` says, `size + kFrameOverhead` bytes; its
  /// epoch must be the encoder's. The payload may lie where it belongs already: kFrameSaltSize
  /// bytes behind `out`.
  void seal(const FrameHeader& header, const uint8_t* payload, size_t size, uint8_t* out);

 private:
  bool encodeDelta(const ChunkGroup& group, std::span<uint8_t>& out,
                   std::vector<EncodedFrame>& frames);
  void encodeRaw(ByteSpan chunk, uint32_t index, std::span<uint8_t>& out,
                 std::vector<EncodedFrame>& frames);
  void append(FrameHeader header, ByteSpan payload, std::vector<uint32_t> chunks,
              std::span<uint8_t>& out, std::vector<EncodedFrame>& frames);
  /// Writes the zstd frame of `raw` after `prefix`, which may be empty, to `result`. Gives SIZE_MAX
  /// when it has no room for it.
  size_t compress(ByteSpan prefix, ByteSpan raw, int level, std::span<uint8_t> result);
  size_t compressedSize(ByteSpan raw, int level);
  std::span<uint8_t> trialRoom(size_t rawSize);
  int levelFor(ByteSpan raw);
  bool isCompressible(ByteSpan chunk);

  HmacSha256 encMac_;
  HmacSha256 sivMac_;
  Aes256Gcm cipher_;
  uint32_t keyEpoch_;
  int level_;
  ObjectPool<EncoderMemory>::Lent memory_;
};

/// Decodes frames one after the other under one K_enc. One thread at a time.
class FrameDecoder {
 public:
  /// With `sivKey` the salt is checked too, which only a holder of the key could have got wrong.
  FrameDecoder(const SecretKey& encKey, const SecretKey* sivKey);

  /// Writes header.rawLength bytes (1 to kFrameRawMax) to `raw`. `bases` are those that the header
  /// names, in its order. Throws Failure with `index`: kCorrupt when tag or salt do not match,
  /// kMalformed when the payload is not what the header says, kUnsupported for a later codec.
  void decode(const FrameHeader& header, std::span<const ByteSpan> bases, ByteSpan frame,
              uint8_t* raw, size_t index);

 private:
  HmacSha256 encMac_;
  std::unique_ptr<HmacSha256> sivMac_;
  Aes256Gcm cipher_;
  ObjectPool<DecoderMemory>::Lent memory_;
};

}  // namespace muleplex

#endif  // MULEPLEX_CORE_FRAME_H_
