// SPDX-License-Identifier: GPL-2.0-or-later
#include "piece_binding.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"
#include "check.h"
#include "chunk_namer.h"
#include "named_chunks.h"
#include "piece_reader.h"
#include "task.h"
#include "stat_fields.h"

namespace muleplex {
namespace {

struct Piece {
  std::string path;
  uint64_t offset = 0;
  size_t length = 0;
  /// The piece reaches to the end of the file.
  bool isLast = false;
  /// Of its chunks, when they are known and only to be named; else of the whole piece.
  std::vector<uint32_t> lengths;

  int error = 0;
  struct stat stat {};
  size_t bytesRead = 0;
  NamedChunks chunks;
};

/// The leading lengths that fit into what was read: a file that became shorter gives fewer.
std::vector<uint32_t> lengthsWithin(const Piece& piece) {
  std::vector<uint32_t> lengths;
  size_t left = piece.bytesRead;
  for (const uint32_t length : piece.lengths) {
    if (length > left) break;
    lengths.push_back(length);
    left -= length;
  }
  return lengths;
}

/// One array for each kind of number, not an object for each piece: objects made here cost more
/// than the reading of a small file.
Napi::Object packPieces(Napi::Env env, std::span<const Piece> pieces) {
  Napi::Float64Array numbers = Napi::Float64Array::New(env, pieces.size() * kStatNumbers);
  Napi::BigUint64Array identities =
      Napi::BigUint64Array::New(env, pieces.size() * kStatIdentities);
  std::vector<uint32_t> errors, bytesRead, chunkEnds, lengths;
  std::vector<uint8_t> ids;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const Piece& piece = pieces[i];
    packStat(piece.stat, numbers.Data() + i * kStatNumbers,
             identities.Data() + i * kStatIdentities);
    errors.push_back(static_cast<uint32_t>(piece.error));
    bytesRead.push_back(static_cast<uint32_t>(piece.bytesRead));
    lengths.insert(lengths.end(), piece.chunks.lengths.begin(), piece.chunks.lengths.end());
    ids.insert(ids.end(), piece.chunks.ids.begin(), piece.chunks.ids.end());
    chunkEnds.push_back(static_cast<uint32_t>(lengths.size()));
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("errors", toUint32Array(env, errors));
  object.Set("numbers", numbers);
  object.Set("identities", identities);
  object.Set("bytesRead", toUint32Array(env, bytesRead));
  object.Set("chunkEnds", toUint32Array(env, chunkEnds));
  object.Set("lengths", toUint32Array(env, lengths));
  object.Set("ids", toBuffer(env, std::move(ids)));
  return object;
}

/// Reads pieces and names their chunks, found by a chunker or of known lengths.
class PieceTask final : public Task {
 public:
  /// Cuts chunks; what is read goes end to end into a buffer of the caller's.
  PieceTask(const SecretKey& gearKey, const std::optional<SecretKey>& idKey, uint32_t average,
            const Napi::Object& pieces, const Napi::Value& into)
      : PieceTask(gearKey, idKey) {
    average_ = average;
    const ByteView room = bytesOf(into);
    intoPin_ = pin(into);
    into_ = const_cast<uint8_t*>(room.data);
    takePieces(pieces);
    MULEPLEX_CHECK(length_ <= room.size);
  }

  /// Names chunks of known lengths; the bytes are thrown away.
  PieceTask(const SecretKey& idKey, const Napi::Object& pieces) : PieceTask(std::nullopt, idKey) {
    takePieces(pieces);
  }

  void run() override {
    std::optional<Chunker> chunker;
    if (gearKey_) chunker.emplace(makeChunker(*gearKey_, average_));
    std::optional<ChunkNamer> namer;
    if (idKey_) namer.emplace(*idKey_);
    PieceReader reader;
    size_t filled = 0;
    std::vector<std::span<const uint8_t>> cut;
    for (Piece& piece : pieces_) {
      if (!chunker) scratch_.resize(std::max(scratch_.size(), piece.length));
      uint8_t* data = chunker ? into_ + filled : scratch_.data();
      piece.error = reader.read(piece.path, piece.offset, data, piece.length, piece.bytesRead);
      if (piece.error == 0) piece.error = reader.stat(piece.stat);
      if (piece.error != 0) piece.bytesRead = 0;
      filled += piece.bytesRead;
      const bool isLast = piece.isLast || piece.bytesRead < piece.length;
      if (chunker) {
        piece.chunks.lengths = chunker->cut(data, piece.bytesRead, isLast);
        for (const uint32_t length : piece.chunks.lengths) {
          cut.emplace_back(data + piece.chunks.consumed, length);
          piece.chunks.consumed += length;
        }
      } else {
        piece.chunks = nameChunks(*namer, data, lengthsWithin(piece));
      }
    }
    if (chunker && namer) nameCut(*namer, cut);
  }

  Napi::Value result(Napi::Env env) override { return packPieces(env, pieces_); }

 private:
  PieceTask(const std::optional<SecretKey>& gearKey, const std::optional<SecretKey>& idKey)
      : gearKey_(gearKey), idKey_(idKey) {}

  void takePieces(const Napi::Object& packed) {
    const ByteView paths = bytesOf(packed.Get("paths"));
    const std::vector<uint32_t> pathEnds = u32sOf(packed.Get("pathEnds"));
    const std::vector<uint64_t> offsets = sizesOf(packed.Get("offsets"));
    const std::vector<uint32_t> lengths = u32sOf(packed.Get("lengths"));
    const std::vector<uint32_t> lengthEnds = u32sOf(packed.Get("lengthEnds"));
    const ByteView areLast = bytesOf(packed.Get("areLast"));
    const size_t count = pathEnds.size();
    MULEPLEX_CHECK(offsets.size() == count && lengthEnds.size() == count && areLast.size == count);
    pieces_.resize(count);
    size_t pathStart = 0;
    size_t lengthStart = 0;
    for (size_t i = 0; i < count; ++i) {
      Piece& piece = pieces_[i];
      MULEPLEX_CHECK(pathStart < pathEnds[i] && pathEnds[i] <= paths.size);
      MULEPLEX_CHECK(lengthStart <= lengthEnds[i] && lengthEnds[i] <= lengths.size());
      piece.path.assign(paths.data + pathStart, paths.data + pathEnds[i]);
      piece.offset = offsets[i];
      piece.lengths.assign(lengths.begin() + static_cast<ptrdiff_t>(lengthStart),
                           lengths.begin() + lengthEnds[i]);
      for (const uint32_t length : piece.lengths) piece.length += length;
      piece.isLast = areLast.data[i] != 0;
      length_ += piece.length;
      pathStart = pathEnds[i];
      lengthStart = lengthEnds[i];
    }
  }

  /// All pieces together: small files have one chunk each.
  void nameCut(const ChunkNamer& namer, std::span<const std::span<const uint8_t>> cut) {
    std::vector<uint8_t> ids(cut.size() * kHmacSize);
    namer.name(cut, ids.data());
    auto next = ids.begin();
    for (Piece& piece : pieces_) {
      const auto end = next + static_cast<ptrdiff_t>(piece.chunks.lengths.size() * kHmacSize);
      piece.chunks.ids.assign(next, end);
      next = end;
    }
  }

  /// None: the lengths of the chunks are known.
  std::optional<SecretKey> gearKey_;
  uint32_t average_ = 0;
  /// None: the chunks get no ids.
  std::optional<SecretKey> idKey_;
  std::vector<Piece> pieces_;
  size_t length_ = 0;
  Pin intoPin_;
  uint8_t* into_ = nullptr;
  std::vector<uint8_t> scratch_;
};

/// readAndCut(gearKey, idKey | undefined, average, pieces, into) => Promise<{errors, numbers,
/// identities, bytesRead, chunkEnds, lengths, ids}>; pieces are packed: {paths, pathEnds, offsets,
/// lengths, lengthEnds, areLast}; `into` gets all bytes read, end to end, and must have room for
/// all lengths. Without K_id there are no ids.
Napi::Value readAndCut(const Napi::CallbackInfo& info) {
  MULEPLEX_CHECK(info[3].IsObject());
  return startTask(info.Env(),
                   std::make_unique<PieceTask>(keyOf(info[0]), optionalKeyOf(info[1]),
                                               u32Of(info[2]), info[3].As<Napi::Object>(),
                                               info[4]));
}

/// readAndName(idKey, pieces) => Promise as of readAndCut, pieces too: lengths are those of chunks.
Napi::Value readAndName(const Napi::CallbackInfo& info) {
  MULEPLEX_CHECK(info[1].IsObject());
  return startTask(info.Env(),
                   std::make_unique<PieceTask>(keyOf(info[0]), info[1].As<Napi::Object>()));
}

}  // namespace

void initPiece(Napi::Env env, Napi::Object exports) {
  exports.Set("readAndCut", Napi::Function::New<readAndCut>(env, "readAndCut"));
  exports.Set("readAndName", Napi::Function::New<readAndName>(env, "readAndName"));
}

}  // namespace muleplex
