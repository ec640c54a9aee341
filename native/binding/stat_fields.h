// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef MULEPLEX_BINDING_STAT_FIELDS_H_
#define MULEPLEX_BINDING_STAT_FIELDS_H_

#include <napi.h>
#include <sys/stat.h>

namespace muleplex {

/// Sets what stat(2) tells as fields of the object; inode and device are BigInts.
void setStat(Napi::Object object, const struct stat& status);

}  // namespace muleplex

#endif  // MULEPLEX_BINDING_STAT_FIELDS_H_
