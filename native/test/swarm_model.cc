// SPDX-License-Identifier: GPL-2.0-or-later
#include "swarm_model.h"

#include <algorithm>
#include <utility>

#include "ed2k_layout.h"

namespace muleplex::test {
namespace {

File makeFile(const SimulatedSwarm& swarm, size_t index, bool isComplete) {
  File file;
  file.size = swarm.fileSizes[index];
  file.seed = 0x1234567 * (index + 1) + swarm.seed;
  const size_t count = (file.size + kPartSize - 1) / kPartSize;
  file.verified.assign(count, isComplete);
  file.begun.assign(count, 0);
  file.checked.assign(count, 0);
  file.verifiedCount = isComplete ? count : 0;
  file.parts.resize(count);
  for (size_t i = 0; i < count; ++i) {
    Part& part = file.parts[i];
    part.blocks.assign((partSizeOf(file, i) + kBlockSize - 1) / kBlockSize,
                       isComplete ? kHere : 0);
    part.here = isComplete ? part.blocks.size() : 0;
    part.open = isComplete ? 0 : (BlockSet{1} << part.blocks.size()) - 1;
    part.bytesHere = isComplete ? partSizeOf(file, i) : 0;
    part.requestedOf.assign(swarm.sites.size(), 0);
  }
  return file;
}

}  // namespace

bool Known::hasSome() const {
  return count > 0 || std::any_of(blocks.begin(), blocks.end(), [](BlockSet b) { return b != 0; });
}

void Known::forget() {
  told = false;
  count = 0;
  has.assign(has.size(), false);
  blocks.assign(blocks.size(), 0);
}

uint32_t partSizeOf(const File& file, size_t part) {
  return static_cast<uint32_t>(std::min(kPartSize, file.size - part * kPartSize));
}

uint32_t blockSizeOf(const File& file, uint32_t part, uint32_t block) {
  const uint64_t start = part * kPartSize + block * kBlockSize;
  const uint64_t partEnd = std::min(file.size, (part + 1) * kPartSize);
  return static_cast<uint32_t>(std::min(kBlockSize, partEnd - start));
}

Site makeSite(const SimulatedSite& config, const SimulatedSwarm& swarm, uint64_t identity) {
  Site site;
  site.config = config;
  site.identity = identity;
  site.links.resize(swarm.sites.size());
  for (size_t i = 0; i < swarm.fileSizes.size(); ++i) {
    File file = makeFile(swarm, i, config.isComplete);
    Known known;
    known.has.assign(file.parts.size(), false);
    known.begun.assign(file.parts.size(), 0);
    known.blocks.assign(file.parts.size(), 0);
    known.begunAtMs.assign(file.parts.size(), 0);
    for (Link& link : site.links) link.known.push_back(known);
    site.files.push_back(std::move(file));
  }
  site.filesDone = config.isComplete ? site.files.size() : 0;
  return site;
}

}  // namespace muleplex::test
