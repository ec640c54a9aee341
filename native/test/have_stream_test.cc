// SPDX-License-Identifier: GPL-2.0-or-later
#include "have_stream.h"

#include <string>
#include <vector>

#include "test.h"

namespace muleplex {
namespace {

using test::Bytes;
using Result = HaveReader::Result;

/// Writes down what it is told, a letter and a number for each record.
class Notes final : public HaveListener {
 public:
  std::string text;

  void onReset() override { text += "reset "; }
  void onWant(const HaveHash& file) override { note("want", file[0]); }
  void onLeave(const HaveHash& file) override { note("leave", file[0]); }
  void onParts(const HaveHash& file, const HaveParts& has, const HaveParts& begun) override {
    note("parts", file[0]);
    for (size_t i = 0; i < has.size(); ++i) text += has[i] ? 'h' : begun[i] ? 'b' : '-';
    text += ' ';
  }
  void onAll(const HaveHash& file) override { note("all", file[0]); }
  void onNone(const HaveHash& file) override { note("none", file[0]); }
  void onHas(const HaveHash&, uint32_t part) override { note("has", part); }
  void onBegun(const HaveHash&, uint32_t part, HaveBlocks blocks) override {
    note("begun", part);
    note(":", blocks);
  }
  void onLost(const HaveHash&, uint32_t part) override { note("lost", part); }
  void onBlocks(const HaveHash&, uint32_t part, HaveBlocks blocks) override {
    note("blocks", part);
    note(":", blocks);
  }
  void onAsk(uint32_t token) override { note("ask", token); }
  void onAlive(uint32_t token) override { note("alive", token); }
  void onAgain() override { text += "again "; }

 private:
  void note(const char* word, uint64_t number) { text += word + std::to_string(number) + ' '; }
};

HaveHash fileOf(uint8_t number) { return HaveHash{number}; }

/// One packet with a record of each kind.
Bytes allKinds(HaveWriter& writer) {
  writer.reset();
  writer.want(fileOf(1));
  writer.leave(fileOf(2));
  HaveParts has(11), begun(11);
  has[0] = has[10] = begun[9] = true;
  writer.parts(fileOf(3), has, begun);
  writer.all(fileOf(4));
  writer.none(fileOf(5));
  writer.has(fileOf(6), 28'256);
  writer.begun(fileOf(6), 257, 3);
  writer.lost(fileOf(6), 0);
  writer.ask(0xfedcba98);
  writer.alive(1);
  writer.again();
  writer.blocks(fileOf(6), 1, 0x1fffffffffffff);
  return writer.take().at(0);
}

TEST("a have-stream tells what was put in, in that order") {
  HaveWriter writer;
  const Bytes packet = allKinds(writer);
  EXPECT(writer.isEmpty() && writer.take().empty());
  Notes notes;
  EXPECT(HaveReader().read(packet.data(), packet.size(), notes) == Result::kTold);
  EXPECT(notes.text ==
         "reset want1 leave2 parts3 h--------bh all4 none5 has28256 begun257 :3 lost0 "
         "ask4275878552 alive1 again blocks1 :9007199254740991 ");
}

TEST("the bytes of a have-stream are those of the documents") {
  HaveWriter writer;
  writer.ask(0x01020304);
  writer.take();
  writer.has(fileOf(7), 258);
  EXPECT(test::toHex(writer.take().at(0).data(), 25) ==
         "01000000" "06" "07000000000000000000000000000000" "02010000");
}

TEST("a have-packet that is cut short or too long is malformed, and nothing of it is told") {
  HaveWriter writer;
  const Bytes packet = allKinds(writer);
  size_t told = 0;
  for (size_t size = 0; size < packet.size(); ++size) {
    Notes notes;
    const Result result = HaveReader().read(packet.data(), size, notes);
    // A cut between two records leaves a packet that is right.
    if (result == Result::kTold) ++told;
    EXPECT(result == Result::kTold || (result == Result::kMalformed && notes.text.empty()));
  }
  EXPECT(told == 12);
  Notes notes;
  const Bytes large(kHavePacketMax + 1, 0);
  EXPECT(HaveReader().read(large.data(), large.size(), notes) == Result::kMalformed);
}

TEST("unknown kinds and parts beyond any file are malformed") {
  Notes notes;
  const Bytes unknown = {0, 0, 0, 0, 13};
  EXPECT(HaveReader().read(unknown.data(), unknown.size(), notes) == Result::kMalformed);
  for (const uint8_t kind : {3, 6, 7, 8, 12}) {
    Bytes packet(64, 0);
    packet[4] = kind;
    packet[21] = 0x61;
    packet[22] = 0x6e;  // 28257 as the part, more than any count that fits
    const size_t size = kind == 7 || kind == 12 ? 33 : 25;
    EXPECT(HaveReader().read(packet.data(), size, notes) == Result::kMalformed);
  }
  HaveWriter writer;
  writer.blocks(fileOf(1), 1, HaveBlocks{1} << 53);
  const Bytes packet = writer.take().at(0);
  EXPECT(HaveReader().read(packet.data(), packet.size(), notes) == Result::kMalformed);
  EXPECT(notes.text.empty());
}

TEST("who misses a packet notices it, and is told all again") {
  HaveWriter writer;
  HaveReader reader;
  Notes notes;
  const auto next = [&writer, &reader, &notes] {
    const Bytes packet = writer.take().at(0);
    return reader.read(packet.data(), packet.size(), notes);
  };
  writer.has(fileOf(1), 1);
  EXPECT(next() == Result::kTold);
  writer.has(fileOf(1), 2);
  writer.take();  // lost
  writer.has(fileOf(1), 3);
  EXPECT(next() == Result::kMissed);
  writer.has(fileOf(1), 4);
  EXPECT(next() == Result::kSkipped);
  writer.reset();
  writer.parts(fileOf(1), HaveParts(5, true), HaveParts(5, false));
  EXPECT(next() == Result::kTold);
  writer.lost(fileOf(1), 4);
  EXPECT(next() == Result::kTold);
  EXPECT(notes.text == "has1 reset parts1 hhhhh lost4 ");
}

TEST("much that is told at once becomes several packets within the bound") {
  HaveWriter writer;
  const HaveParts longest(kHavePartsMax, true);
  for (uint8_t i = 0; i < 20; ++i) writer.parts(fileOf(i), longest, longest);
  const auto packets = writer.take();
  EXPECT(packets.size() > 1);
  HaveReader reader;
  Notes notes;
  for (const Bytes& packet : packets) {
    EXPECT(packet.size() <= kHavePacketMax);
    EXPECT(reader.read(packet.data(), packet.size(), notes) == Result::kTold);
  }
  EXPECT(notes.text.find("parts19 ") != std::string::npos);
}

}  // namespace
}  // namespace muleplex
