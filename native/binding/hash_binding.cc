// SPDX-License-Identifier: GPL-2.0-or-later
#include "hash_binding.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <vector>

#include "arguments.h"
#include "file_hasher.h"
#include "object_task.h"
#include "task.h"

namespace muleplex {
namespace {

// Small enough to stay in the second-level cache between the read and the hashes.
constexpr size_t kReadSize = 256 * 1024;

/// Reads up to `length` bytes from `offset` and gives them to `take` piece by piece; returns how
/// many there were, less only at the end of the file.
template <typename Take>
uint64_t readRange(int fd, uint64_t offset, uint64_t length, Take take) {
  std::vector<uint8_t> buffer(static_cast<size_t>(std::min<uint64_t>(kReadSize, length)));
  uint64_t done = 0;
  while (done < length) {
    const size_t wanted = static_cast<size_t>(std::min<uint64_t>(buffer.size(), length - done));
    const ssize_t got = pread(fd, buffer.data(), wanted, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Failure::system("pread", errno);
    if (got == 0) break;
    take(buffer.data(), static_cast<size_t>(got));
    done += static_cast<uint64_t>(got);
  }
  return done;
}

/// JavaScript's FileHasher.
class FileHasherObject final : public Napi::ObjectWrap<FileHasherObject>,
                               public Exclusive<FileHasher> {
 public:
  explicit FileHasherObject(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<FileHasherObject>(info) {}

  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "FileHasher",
                       {InstanceMethod<&FileHasherObject::update>("update"),
                        InstanceMethod<&FileHasherObject::updateFromFile>("updateFromFile"),
                        InstanceMethod<&FileHasherObject::finish>("finish")});
  }

 private:
  Napi::Value update(const Napi::CallbackInfo& info);
  Napi::Value updateFromFile(const Napi::CallbackInfo& info);
  Napi::Value finish(const Napi::CallbackInfo& info);
};

using HasherTask = ObjectTask<FileHasherObject>;

class UpdateTask final : public HasherTask {
 public:
  UpdateTask(FileHasherObject& object, const Napi::Value& buffer)
      : HasherTask(object), bytes_(bytesOf(buffer)), pin_(pin(buffer)) {}
  void run() override { core().update(bytes_.data, bytes_.size); }
  Napi::Value result(Napi::Env env) override { return env.Undefined(); }

 private:
  ByteView bytes_;
  Pin pin_;
};

class UpdateFromFileTask final : public HasherTask {
 public:
  UpdateFromFileTask(FileHasherObject& object, int fd, uint64_t offset, uint64_t length)
      : HasherTask(object), fd_(fd), offset_(offset), length_(length) {}
  void run() override {
    done_ = readRange(fd_, offset_, length_,
                      [this](const uint8_t* data, size_t size) { core().update(data, size); });
  }
  Napi::Value result(Napi::Env env) override { return toNumber(env, done_); }

 private:
  int fd_;
  uint64_t offset_;
  uint64_t length_;
  uint64_t done_ = 0;
};

class FinishTask final : public HasherTask {
 public:
  explicit FinishTask(FileHasherObject& object) : HasherTask(object) {}
  void run() override { hashes_ = core().finish(); }
  Napi::Value result(Napi::Env env) override {
    Napi::Object object = Napi::Object::New(env);
    object.Set("size", toNumber(env, hashes_.size));
    object.Set("fileHash", copyToBuffer(env, hashes_.fileHash.data(), hashes_.fileHash.size()));
    object.Set("partHashes", toBuffer(env, std::move(hashes_.partHashes)));
    object.Set("aichRoot", copyToBuffer(env, hashes_.aichRoot.data(), hashes_.aichRoot.size()));
    object.Set("sha256", toBuffer(env, std::move(hashes_.sha256)));
    return object;
  }

 private:
  FileHashes hashes_;
};

class HashRangeTask final : public Task {
 public:
  HashRangeTask(int fd, uint64_t offset, uint64_t length)
      : fd_(fd), offset_(offset), length_(length) {}
  void run() override {
    PartHasher hasher;
    done_ = readRange(fd_, offset_, length_,
                      [&](const uint8_t* data, size_t size) { hasher.update(data, size); });
    hashes_ = hasher.finish();
  }
  Napi::Value result(Napi::Env env) override {
    Napi::Object object = Napi::Object::New(env);
    object.Set("size", toNumber(env, done_));
    object.Set("md4", copyToBuffer(env, hashes_.md4.data(), hashes_.md4.size()));
    object.Set("sha256", copyToBuffer(env, hashes_.sha256.data(), hashes_.sha256.size()));
    return object;
  }

 private:
  int fd_;
  uint64_t offset_;
  uint64_t length_;
  uint64_t done_ = 0;
  PartHashes hashes_{};
};

Napi::Value FileHasherObject::update(const Napi::CallbackInfo& info) {
  return startTask(info.Env(), std::make_unique<UpdateTask>(*this, info[0]));
}

Napi::Value FileHasherObject::updateFromFile(const Napi::CallbackInfo& info) {
  return startTask(info.Env(),
                   std::make_unique<UpdateFromFileTask>(*this, static_cast<int>(u32Of(info[0])),
                                                        sizeOf(info[1]), sizeOf(info[2])));
}

Napi::Value FileHasherObject::finish(const Napi::CallbackInfo& info) {
  return startTask(info.Env(), std::make_unique<FinishTask>(*this));
}

/// hashRange(fd, offset, length) => Promise<{size, md4, sha256}>
Napi::Value hashRange(const Napi::CallbackInfo& info) {
  return startTask(info.Env(), std::make_unique<HashRangeTask>(static_cast<int>(u32Of(info[0])),
                                                               sizeOf(info[1]), sizeOf(info[2])));
}

}  // namespace

void initHash(Napi::Env env, Napi::Object exports) {
  exports.Set("FileHasher", FileHasherObject::define(env));
  exports.Set("hashRange", Napi::Function::New<hashRange>(env, "hashRange"));
}

}  // namespace muleplex
