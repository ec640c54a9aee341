// SPDX-License-Identifier: GPL-2.0-or-later
// What a core tells a trusted client, in one stream per connection and direction: which files it
// wants to hear of, and of those that the other side wants, which parts it has, has begun or has
// lost. Only changes are told; they are numbered, so that who misses one notices it and has all of
// it told again. Pure: bytes in, bytes out. Integers are little-endian.
//
//   packet   sequence:u32 record*          sequence: number of records told before this packet
//   record   kind:u8 body
//   0 reset  -                             what was told before is void
//   1 want   fileHash[16]                  tell of this file, now and when it changes
//   2 leave  fileHash[16]                  do not tell of this file any more
//   3 parts  fileHash[16] partCount:u32 has[ceil(partCount/8)] begun[ceil(partCount/8)]
//   4 all    fileHash[16]                  every part is here
//   5 none   fileHash[16]                  there is no such file here
//   6 has    fileHash[16] partIndex:u32
//   7 begun  fileHash[16] partIndex:u32 blocks:u64   these of its blocks are about to be here
//   8 lost   fileHash[16] partIndex:u32    it is neither here nor begun
//   9 ask    token:u32                     answer with `alive`
//  10 alive  token:u32
//  11 again  -                             something was missed: start with reset
//  12 blocks fileHash[16] partIndex:u32 blocks:u64   the part is not here, but these of its blocks
#ifndef MULEPLEX_CORE_HAVE_STREAM_H_
#define MULEPLEX_CORE_HAVE_STREAM_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace muleplex {

using HaveHash = std::array<uint8_t, 16>;
using HaveParts = std::vector<bool>;
/// Blocks of a part, bit i for block i.
using HaveBlocks = uint64_t;

/// No file of eD2k has more parts (2^38 bytes).
inline constexpr uint32_t kHavePartsMax = 28'257;

/// Bytes of one packet. A record of the longest file fits, and many packets fit in what a core
/// buffers for a connection.
inline constexpr size_t kHavePacketMax = 64 * 1024;

/// Collects records and numbers them. A new one per connection.
class HaveWriter {
 public:
  void reset();
  void want(const HaveHash& file);
  void leave(const HaveHash& file);
  /// Both sets have one flag per part, at most kHavePartsMax.
  void parts(const HaveHash& file, const HaveParts& has, const HaveParts& begun);
  void all(const HaveHash& file);
  void none(const HaveHash& file);
  void has(const HaveHash& file, uint32_t part);
  void begun(const HaveHash& file, uint32_t part, HaveBlocks blocks);
  void lost(const HaveHash& file, uint32_t part);
  void blocks(const HaveHash& file, uint32_t part, HaveBlocks blocks);
  void ask(uint32_t token);
  void alive(uint32_t token);
  void again();

  bool isEmpty() const { return open_.empty() && full_.empty(); }
  /// The packets with all that was collected, none longer than kHavePacketMax. Forgets it.
  std::vector<std::vector<uint8_t>> take();

 private:
  void begin(uint8_t kind, size_t bodySize);
  void put(uint32_t value);
  void put(uint64_t value);
  void put(const HaveHash& file);
  void put(const HaveParts& set);
  void close();

  uint32_t sequence_ = 0;
  std::vector<uint8_t> open_;
  std::vector<std::vector<uint8_t>> full_;
};

/// Takes what a stream tells. Not called for a packet that is malformed anywhere.
class HaveListener {
 public:
  virtual ~HaveListener() = default;
  virtual void onReset() = 0;
  virtual void onWant(const HaveHash& file) = 0;
  virtual void onLeave(const HaveHash& file) = 0;
  virtual void onParts(const HaveHash& file, const HaveParts& has, const HaveParts& begun) = 0;
  virtual void onAll(const HaveHash& file) = 0;
  virtual void onNone(const HaveHash& file) = 0;
  virtual void onHas(const HaveHash& file, uint32_t part) = 0;
  virtual void onBegun(const HaveHash& file, uint32_t part, HaveBlocks blocks) = 0;
  virtual void onLost(const HaveHash& file, uint32_t part) = 0;
  virtual void onBlocks(const HaveHash& file, uint32_t part, HaveBlocks blocks) = 0;
  virtual void onAsk(uint32_t token) = 0;
  virtual void onAlive(uint32_t token) = 0;
  virtual void onAgain() = 0;
};

/// Reads packets and checks that none is missing. A new one per connection.
class HaveReader {
 public:
  enum class Result {
    /// The listener was told.
    kTold,
    /// A packet was missed before this one. Ask for `again`; all is skipped until it is answered.
    kMissed,
    /// Skipped.
    kSkipped,
    /// Not a packet of this stream: end the connection.
    kMalformed,
  };

  Result read(const uint8_t* packet, size_t size, HaveListener& listener);

 private:
  uint32_t expected_ = 0;
  bool isLost_ = false;
};

}  // namespace muleplex

#endif  // MULEPLEX_CORE_HAVE_STREAM_H_
