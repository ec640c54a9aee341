// SPDX-License-Identifier: GPL-2.0-or-later
// The lines that the lab's switch is controlled with. Ports are numbered from 1, in the order of
// the command line.
//
//   rate PORT UP DOWN           bits per second, 0 for no limit
//   queue BYTES                 of each direction of each link
//   delay PORT PORT MICROS      one way, both directions
//   loss PER-MILLION            of each frame
//   cut PORT PORT | mend PORT PORT
//   schedule PORT PORT PERIOD-MS CUT-MS     from now on; 0 0 ends it
//   counts                      a line for each pair, see counts()
//
// Each is answered by "ok", or by "error" and a sentence.
#ifndef MULEPLEX_LAB_SWITCH_COMMAND_H_
#define MULEPLEX_LAB_SWITCH_COMMAND_H_

#include <string>
#include <string_view>

#include "switch_model.h"

namespace muleplex::lab {

/// Does what the line says; the answer ends with a line feed.
std::string obey(SwitchModel& model, std::string_view line, Time now);

}  // namespace muleplex::lab

#endif  // MULEPLEX_LAB_SWITCH_COMMAND_H_
