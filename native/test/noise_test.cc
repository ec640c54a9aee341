// SPDX-License-Identifier: GPL-2.0-or-later
// The expected bytes come from test/support/noise-reference.ts, which shares no code with this.
#include "noise.h"

#include <string_view>

#include "secure_records.h"
#include "test.h"

namespace muleplex {
namespace {

using test::asBytes;
using test::Bytes;
using test::fromHex;
using test::testBytes;
using test::toHex;

SecretKey filled(uint8_t byte) { return SecretKey(Bytes(kKeySize, byte).data()); }
SecretKey testKey(uint64_t seed) { return SecretKey(testBytes(kKeySize, seed).data()); }
std::string hexOf(const Bytes& bytes) { return toHex(bytes.data(), bytes.size()); }

NoiseHandshake side(NoiseRole role, uint64_t psk = 1, std::string_view prologue = "prologue") {
  return NoiseHandshake(role, testKey(psk), asBytes(prologue), prologue.size());
}

TEST("X25519 gives both sides the same secret, and refuses a zero one") {
  const SecretKey alice = testKey(4);
  const SecretKey bob = testKey(5);
  const auto alicePublic = x25519PublicKey(alice), bobPublic = x25519PublicKey(bob);
  const std::optional<SecretKey> one = x25519(alice, bobPublic.data());
  const std::optional<SecretKey> two = x25519(bob, alicePublic.data());
  EXPECT(one && two && toHex(one->data(), kKeySize) == toHex(two->data(), kKeySize));
  EXPECT(!x25519(alice, Bytes(kX25519Size).data()).has_value());
}

TEST("the handshake and the records are byte for byte those of the reference") {
  const std::string_view prologue = "prologue of the test";
  NoiseHandshake initiator(NoiseRole::kInitiator, filled(1), asBytes(prologue), prologue.size());
  NoiseHandshake responder(NoiseRole::kResponder, filled(1), asBytes(prologue), prologue.size());
  initiator.setEphemeral(filled(2));
  responder.setEphemeral(filled(3));
  const Bytes first = *initiator.write(asBytes("first"), 5);
  EXPECT(hexOf(first) ==
         "ce8d3ad1ccb633ec7b70c17814a5c76ecd029685050d344745ba05870e587d59"
         "f4f2d71b81595066a6300726d695f6c8ec54536a99");
  const Bytes payload(asBytes("first"), asBytes("first") + 5);
  EXPECT(*responder.read(first.data(), first.size()) == payload);
  const Bytes second = *responder.write(asBytes("second"), 6);
  EXPECT(hexOf(second) ==
         "5dfedd3b6bd47f6fa28ee15d969d5bb0ea53774d488bdaf9df1c6e0124b3ef22"
         "b83a044f987cd3bc3c47ac5975af30736e33b6526fe7");
  EXPECT(initiator.read(second.data(), second.size())->size() == 6);
  EXPECT(initiator.isDone() && responder.isDone() && initiator.hash() == responder.hash());
  EXPECT(toHex(initiator.hash().data(), kSha256Size) ==
         "5e49961e83211b552561a1fd187de68a1ed193df1dc2c4128a6a9e8093cced7a");
  const auto keys = initiator.keys();
  EXPECT(toHex(keys.send.data(), kKeySize) ==
         "708ca2f272e4397f30813222ddf7732af39b039e74758797c674b0982ac7d95a");
  EXPECT(toHex(keys.receive.data(), kKeySize) ==
         "f5b486ceb85afc0d44f689f07ad5be48ac9339870b8359fa46e25d85c5f4d47f");
  RecordEncoder encoder(keys.send);
  Bytes record(RecordEncoder::sealedSize(8));
  encoder.seal(asBytes("a record"), 8, record.data());
  EXPECT(hexOf(record) == "18000000057f61ff64fa22585f5cfb771500126e6b75b44c0e07dcc8");
  encoder.seal(asBytes("a second"), 8, record.data());
  EXPECT(hexOf(record) == "18000000b9513dc5ce45023b808e1a4df5f463289fd0e987ee9cc2ee");
  // The first record under the next key.
  RecordEncoder long_(keys.send);
  const uint8_t one = 7;
  Bytes last(RecordEncoder::sealedSize(1));
  for (uint64_t i = 0; i <= kRecordsPerKey; ++i) long_.seal(&one, 1, last.data());
  EXPECT(hexOf(last) == "110000007f7c905f55d3e5f3ffc758356adde3aad3");
}

// Noise_NNpsk0_25519_AESGCM_SHA256 of the published vectors of Cacophony (vectors/cacophony.txt of
// haskell-cryptography/cacophony). Its later messages are for other records than ours.
TEST("the handshake gives the messages of a published vector") {
  const Bytes prologue = fromHex("4a6f686e2047616c74");
  const Bytes psk = fromHex("54686973206973206d7920417573747269616e20706572737065637469766521");
  NoiseHandshake initiator(NoiseRole::kInitiator, SecretKey(psk.data()), prologue.data(),
                           prologue.size());
  NoiseHandshake responder(NoiseRole::kResponder, SecretKey(psk.data()), prologue.data(),
                           prologue.size());
  initiator.setEphemeral(SecretKey(
      fromHex("893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a").data()));
  responder.setEphemeral(SecretKey(
      fromHex("bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b").data()));
  const Bytes payloads[] = {fromHex("4c756477696720766f6e204d69736573"),
                            fromHex("4d757272617920526f746862617264")};
  const Bytes first = *initiator.write(payloads[0].data(), payloads[0].size());
  EXPECT(hexOf(first) ==
         "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
         "7c37a89fc17813788d30df2d59501d6066f5f8aecc3406bbd9829f2d24a531b1");
  EXPECT(*responder.read(first.data(), first.size()) == payloads[0]);
  const Bytes second = *responder.write(payloads[1].data(), payloads[1].size());
  EXPECT(hexOf(second) ==
         "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843"
         "2f29d79368ef9de4e1ae7a362fb05bf0ad668e026bf5714554497b3a720461");
  EXPECT(*initiator.read(second.data(), second.size()) == payloads[1]);
}

TEST("both sides end with the same keys, and no run gives those of another") {
  std::string before;
  for (int i = 0; i < 3; ++i) {
    NoiseHandshake initiator = side(NoiseRole::kInitiator), responder = side(NoiseRole::kResponder);
    EXPECT(initiator.isWriting() && !responder.isWriting());
    const Bytes first = *initiator.write();
    EXPECT(first.size() == kNoiseMessageSize && responder.read(first.data(), first.size()));
    const Bytes second = *responder.write();
    EXPECT(second.size() == kNoiseMessageSize && initiator.read(second.data(), second.size()));
    const auto ours = initiator.keys(), theirs = responder.keys();
    const std::string send = toHex(ours.send.data(), kKeySize);
    EXPECT(send == toHex(theirs.receive.data(), kKeySize));
    EXPECT(toHex(ours.receive.data(), kKeySize) == toHex(theirs.send.data(), kKeySize));
    EXPECT(send != toHex(ours.receive.data(), kKeySize) && send != before);
    before = send;
  }
}

TEST("another key, another prologue, a changed or a cut message end the handshake") {
  NoiseHandshake initiator = side(NoiseRole::kInitiator);
  const Bytes first = *initiator.write();
  const auto refuses = [](NoiseHandshake&& responder, const Bytes& message) {
    const bool refused = !responder.read(message.data(), message.size()).has_value();
    // A second try on the same state does not help, not even with the right message.
    return refused && !responder.isDone() && !responder.isWriting();
  };
  EXPECT(!refuses(side(NoiseRole::kResponder), first));
  EXPECT(refuses(side(NoiseRole::kResponder, 2), first));
  EXPECT(refuses(side(NoiseRole::kResponder, 1, "another"), first));
  EXPECT(refuses(side(NoiseRole::kResponder), Bytes(first.begin(), first.end() - 1)));
  EXPECT(refuses(side(NoiseRole::kResponder), {}));
  for (size_t i = 0; i < first.size(); ++i) {
    Bytes changed = first;
    changed[i] ^= 0x10;
    EXPECT(refuses(side(NoiseRole::kResponder), changed));
  }
}

TEST("an answer of another run and a reflected message are refused") {
  NoiseHandshake initiator = side(NoiseRole::kInitiator), other = side(NoiseRole::kInitiator);
  const Bytes first = *initiator.write();
  const Bytes otherFirst = *other.write();
  NoiseHandshake responder = side(NoiseRole::kResponder);
  EXPECT(responder.read(otherFirst.data(), otherFirst.size()).has_value());
  const Bytes answer = *responder.write();
  EXPECT(!initiator.read(answer.data(), answer.size()).has_value());
  NoiseHandshake third = side(NoiseRole::kInitiator);
  const Bytes own = *third.write();
  EXPECT(!third.read(own.data(), own.size()).has_value());
}

TEST("an ephemeral key of small order ends the handshake") {
  NoiseHandshake initiator = side(NoiseRole::kInitiator);
  EXPECT(initiator.write().has_value());
  const Bytes zeros(kNoiseMessageSize);
  EXPECT(!initiator.read(zeros.data(), zeros.size()).has_value());
  EXPECT(!initiator.isDone());
}

}  // namespace
}  // namespace muleplex
