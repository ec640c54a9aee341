// SPDX-License-Identifier: GPL-2.0-or-later
// How flows share the links of sites: weighted max-min fairness, as queues and TCP bring about.
#ifndef MULEPLEX_TEST_FLOW_SHARES_H_
#define MULEPLEX_TEST_FLOW_SHARES_H_

#include <cstddef>
#include <vector>

namespace muleplex::test {

struct Flow {
  /// Index of the sender's uplink and of the receiver's downlink.
  size_t from = 0;
  size_t to = 0;
  double weight = 1;
  /// Bytes per second.
  double rate = 0;
};

/// Sets the rate of each flow. `up` and `down` are the bytes per second of each site's links.
void shareRates(std::vector<Flow>& flows, const std::vector<double>& up,
                const std::vector<double>& down);

}  // namespace muleplex::test

#endif  // MULEPLEX_TEST_FLOW_SHARES_H_
