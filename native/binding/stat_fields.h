// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef MULEPLEX_BINDING_STAT_FIELDS_H_
#define MULEPLEX_BINDING_STAT_FIELDS_H_

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>

namespace muleplex {

/// Numbers of one entry in a packed list: rawMode, uid, gid, size, mtime and ctime as seconds and
/// nanoseconds, link count, blocks of 512 bytes.
inline constexpr size_t kStatNumbers = 10;
/// 64-bit numbers of one entry in a packed list: inode, device.
inline constexpr size_t kStatIdentities = 2;

void packStat(const struct stat& status, double* numbers, uint64_t* identities);

}  // namespace muleplex

#endif  // MULEPLEX_BINDING_STAT_FIELDS_H_
