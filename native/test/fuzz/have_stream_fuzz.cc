// SPDX-License-Identifier: GPL-2.0-or-later
// Any bytes as a packet of a have-stream: what is told of it can be written again, and is then told
// the same.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "check.h"
#include "have_stream.h"

namespace {

using namespace muleplex;

/// Writes what it is told into another stream.
class Copy final : public HaveListener {
 public:
  HaveWriter writer;

  void onReset() override { writer.reset(); }
  void onWant(const HaveHash& file) override { writer.want(file); }
  void onLeave(const HaveHash& file) override { writer.leave(file); }
  void onParts(const HaveHash& file, const HaveParts& has, const HaveParts& begun) override {
    writer.parts(file, has, begun);
  }
  void onAll(const HaveHash& file) override { writer.all(file); }
  void onNone(const HaveHash& file) override { writer.none(file); }
  void onHas(const HaveHash& file, uint32_t part) override { writer.has(file, part); }
  void onBegun(const HaveHash& file, uint32_t part, HaveBlocks blocks) override {
    writer.begun(file, part, blocks);
  }
  void onLost(const HaveHash& file, uint32_t part) override { writer.lost(file, part); }
  void onBlocks(const HaveHash& file, uint32_t part, HaveBlocks blocks) override {
    writer.blocks(file, part, blocks);
  }
  void onAsk(uint32_t token) override { writer.ask(token); }
  void onAlive(uint32_t token) override { writer.alive(token); }
  void onAgain() override { writer.again(); }
};

/// The packets that come of it; none if it is refused.
std::vector<std::vector<uint8_t>> copyOf(const uint8_t* packet, size_t size) {
  Copy copy;
  HaveReader reader;
  reader.read(packet, size, copy);
  return copy.writer.take();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto once = copyOf(data, size);
  if (once.empty()) return 0;
  MULEPLEX_CHECK(once.size() == 1 && once[0].size() == size);
  MULEPLEX_CHECK(copyOf(once[0].data(), once[0].size()) == once);
  return 0;
}
