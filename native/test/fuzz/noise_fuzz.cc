// SPDX-License-Identifier: GPL-2.0-or-later
// Any bytes as the first or second handshake message are refused; only the message that the peer
// wrote is taken, whole and unchanged.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "check.h"
#include "noise.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace muleplex;
  static const uint8_t kKey[kKeySize] = {1};
  static const SecretKey kPsk(kKey);
  if (size < 2) return 0;
  const uint8_t choice = data[0], at = data[1];
  data += 2;
  size -= 2;
  NoiseHandshake initiator(NoiseRole::kInitiator, kPsk, data, size);
  NoiseHandshake responder(NoiseRole::kResponder, kPsk, data, size);
  std::vector<uint8_t> message = *initiator.write();
  NoiseHandshake* reader = &responder;
  if ((choice & 1) != 0) {
    MULEPLEX_CHECK(responder.read(message.data(), message.size()).has_value());
    message = *responder.write();
    reader = &initiator;
  }
  const std::vector<uint8_t> original = message;
  if ((choice & 2) != 0) message.assign(data, data + size);
  if ((choice & 4) != 0 && !message.empty()) message[at % message.size()] ^= choice | 1;
  const bool taken = reader->read(message.data(), message.size()).has_value();
  MULEPLEX_CHECK(taken == (message == original));
  MULEPLEX_CHECK(taken || !reader->isDone());
  return 0;
}
