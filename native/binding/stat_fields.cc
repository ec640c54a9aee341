// SPDX-License-Identifier: GPL-2.0-or-later
#include "stat_fields.h"

#include "arguments.h"

namespace muleplex {

void setStat(Napi::Object object, const struct stat& status) {
  const Napi::Env env = object.Env();
  object.Set("rawMode", Napi::Number::New(env, status.st_mode));
  object.Set("uid", Napi::Number::New(env, status.st_uid));
  object.Set("gid", Napi::Number::New(env, status.st_gid));
  object.Set("size", toNumber(env, static_cast<uint64_t>(status.st_size)));
  object.Set("mtimeSeconds", Napi::Number::New(env, static_cast<double>(status.st_mtim.tv_sec)));
  object.Set("mtimeNanoseconds",
             Napi::Number::New(env, static_cast<double>(status.st_mtim.tv_nsec)));
  object.Set("ctimeSeconds", Napi::Number::New(env, static_cast<double>(status.st_ctim.tv_sec)));
  object.Set("ctimeNanoseconds",
             Napi::Number::New(env, static_cast<double>(status.st_ctim.tv_nsec)));
  object.Set("inode", Napi::BigInt::New(env, static_cast<uint64_t>(status.st_ino)));
  object.Set("device", Napi::BigInt::New(env, static_cast<uint64_t>(status.st_dev)));
  object.Set("linkCount", toNumber(env, status.st_nlink));
  object.Set("blockCount", toNumber(env, static_cast<uint64_t>(status.st_blocks)));
}

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
