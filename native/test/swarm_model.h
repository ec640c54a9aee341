// SPDX-License-Identifier: GPL-2.0-or-later
// What the simulated sites have, want and know of each other.
#ifndef MULEPLEX_TEST_SWARM_MODEL_H_
#define MULEPLEX_TEST_SWARM_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "request_window.h"
#include "swarm_scheduler.h"
#include "swarm_simulation.h"

namespace muleplex::test {

struct Part {
  std::vector<uint8_t> blocks;  // 0 missing, n + 1 requested n times, kHere
  uint32_t here = 0;
  BlockSet open = 0;  // neither here nor requested
  std::vector<uint32_t> requestedOf;  // by source
  uint32_t requested = 0;
  uint32_t bytesHere = 0;
};
constexpr uint8_t kHere = 255;

struct File {
  uint64_t size = 0, seed = 0;
  std::vector<Part> parts;
  PartSet verified;
  std::vector<BlockSet> begun, checked;
  uint32_t verifiedCount = 0;
};

struct Request {
  size_t file;
  uint32_t part, block, size;
  double askedAt;
  double arrivesAt;
  double left;
  bool started = false;
};

/// What one site knows of another one's file.
struct Known {
  PartSet has;
  std::vector<BlockSet> begun, blocks;
  uint32_t count = 0;
  std::vector<uint32_t> begunAtMs;
  bool told = false;

  bool gives(uint32_t part, uint32_t block) const {
    return has[part] || (blocks[part] >> block & 1) != 0;
  }
  bool hasSome() const;
  void forget();
};

/// A site as a source of another one.
struct Link {
  bool connected = false;
  uint64_t epoch = 0;
  double cutSince = -1, mendedAt = 0;
  std::vector<Known> known;
  std::deque<Request> queue;
  RequestWindow window;
  bool hasCurrent = false;
  SwarmChoice current;
  bool exhausted = false;
  double started = 0, lastPayload = 0, lastScan = -1;
  uint64_t lastChange = 0;
  double bytes = 0, sampledBytes = 0, rate = 0, rateBusy = 0;
  uint64_t backlog = 0;
  double weight = 1;
};

struct Site {
  SimulatedSite config;
  uint64_t identity = 0;
  std::vector<File> files;
  std::vector<Link> links;
  uint64_t change = 1;
  double best = 0, rate = 0;
  double sent = 0;
  double doneAt = -1;
  size_t filesDone = 0;
};

uint32_t partSizeOf(const File& file, size_t part);
uint32_t blockSizeOf(const File& file, uint32_t part, uint32_t block);

/// A site before the start, without connections.
Site makeSite(const SimulatedSite& config, const SimulatedSwarm& swarm, uint64_t identity);

}  // namespace muleplex::test

#endif  // MULEPLEX_TEST_SWARM_MODEL_H_
