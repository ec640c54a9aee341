// SPDX-License-Identifier: GPL-2.0-or-later
#include "flow_shares.h"

#include <algorithm>
#include <limits>

namespace muleplex::test {

// The link that leaves its flows least is filled up first; what these do not take elsewhere is for
// the others.
void shareRates(std::vector<Flow>& flows, const std::vector<double>& up,
                const std::vector<double>& down) {
  const size_t count = up.size();
  std::vector<double> room = up, weight(2 * count);
  room.insert(room.end(), down.begin(), down.end());
  for (const Flow& flow : flows) {
    weight[flow.from] += flow.weight;
    weight[count + flow.to] += flow.weight;
  }
  std::vector<bool> isFixed(flows.size());
  for (size_t left = flows.size(); left > 0;) {
    size_t tightest = 0;
    double least = std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < room.size(); ++i) {
      if (weight[i] > 1e-9 && room[i] / weight[i] < least) {
        least = room[i] / weight[i];
        tightest = i;
      }
    }
    for (size_t i = 0; i < flows.size(); ++i) {
      Flow& flow = flows[i];
      if (isFixed[i] || (flow.from != tightest && count + flow.to != tightest)) continue;
      isFixed[i] = true;
      --left;
      flow.rate = std::max(0.0, least) * flow.weight;
      room[flow.from] -= flow.rate;
      room[count + flow.to] -= flow.rate;
      weight[flow.from] -= flow.weight;
      weight[count + flow.to] -= flow.weight;
    }
    weight[tightest] = 0;
  }
}

}  // namespace muleplex::test
