// SPDX-License-Identifier: GPL-2.0-or-later
// MD4 and SHA-256 of a few messages of one length that are read side by side, a piece of each at a
// time: eight take three fifths of the time of each alone.
#ifndef MULEPLEX_CORE_PAIR_LANES_H_
#define MULEPLEX_CORE_PAIR_LANES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lane_group.h"
#include "md4.h"
#include "sha256.h"

namespace muleplex {

class PairLanes {
 public:
  /// As many as the narrow lanes of MD4 take. More gain little, and have to be waited for.
  static constexpr size_t kMessagesMax = 8;

  /// 1 to kMessagesMax messages.
  explicit PairLanes(size_t count);

  /// The next `size` bytes of each message: whole blocks of 64 bytes, except in the last call.
  void update(const uint8_t* const* pieces, size_t size);

  /// Writes the digests one after the other, 16 and 32 bytes each. To be called once.
  void finish(uint8_t* md4Digests, uint8_t* sha256Digests);

 private:
  struct Alone {
    Md4 md4;
    Sha256 sha256;
  };

  size_t count_;
  uint64_t size_ = 0;
  /// Either these, or the groups.
  std::vector<Alone> alone_;
  std::vector<LaneGroup> md4_;
  std::vector<LaneGroup> sha256_;
  size_t sha256Lanes_ = 0;
  uint8_t rests_[kMessagesMax][64];
};

}  // namespace muleplex

#endif  // MULEPLEX_CORE_PAIR_LANES_H_
