// SPDX-License-Identifier: GPL-2.0-or-later
#include "stat_fields.h"

namespace muleplex {

void packStat(const struct stat& status, double* numbers, uint64_t* identities) {
  numbers[0] = status.st_mode;
  numbers[1] = status.st_uid;
  numbers[2] = status.st_gid;
  numbers[3] = static_cast<double>(status.st_size);
  numbers[4] = static_cast<double>(status.st_mtim.tv_sec);
  numbers[5] = static_cast<double>(status.st_mtim.tv_nsec);
  numbers[6] = static_cast<double>(status.st_ctim.tv_sec);
  numbers[7] = static_cast<double>(status.st_ctim.tv_nsec);
  numbers[8] = static_cast<double>(status.st_nlink);
  numbers[9] = static_cast<double>(status.st_blocks);
  identities[0] = status.st_ino;
  identities[1] = status.st_dev;
}

}  // namespace muleplex
