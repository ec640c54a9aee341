// SPDX-License-Identifier: GPL-2.0-or-later
#include "file_binding.h"

#include <fcntl.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"
#include "check.h"
#include "file_batch.h"
#include "file_extent.h"
#include "folder_reader.h"
#include "task.h"
#include "stat_fields.h"
#include "tree_linker.h"
#include "tree_remover.h"

namespace muleplex {
namespace {

Napi::Value attributesToArray(Napi::Env env, const std::vector<ExtendedAttribute>& attributes) {
  Napi::Array array = Napi::Array::New(env, attributes.size());
  for (uint32_t i = 0; i < attributes.size(); ++i) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("name", copyToBuffer(env, attributes[i].name));
    object.Set("value", copyToBuffer(env, attributes[i].value));
    array.Set(i, object);
  }
  return array;
}

Napi::Value rangesToArray(Napi::Env env, const std::vector<ByteRange>& ranges) {
  Napi::Array array = Napi::Array::New(env, ranges.size());
  for (uint32_t i = 0; i < ranges.size(); ++i) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("start", toNumber(env, ranges[i].start));
    object.Set("end", toNumber(env, ranges[i].end));
    array.Set(i, object);
  }
  return array;
}

/// Whatever few entries have. `index` is the entry's in the packed list.
Napi::Object extrasToObject(Napi::Env env, uint32_t index, const FolderEntry& entry) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("index", Napi::Number::New(env, index));
  object.Set("statError", Napi::Number::New(env, entry.statError));
  object.Set("target", copyToBuffer(env, entry.target));
  object.Set("targetError", Napi::Number::New(env, entry.targetError));
  object.Set("attributes", attributesToArray(env, entry.attributes));
  object.Set("attributesError", Napi::Number::New(env, entry.attributesError));
  object.Set("dataRanges", rangesToArray(env, entry.dataRanges));
  return object;
}

bool hasExtras(const FolderEntry& entry) {
  return entry.statError != 0 || entry.targetError != 0 || entry.attributesError != 0 ||
         !entry.target.empty() || !entry.attributes.empty() || !entry.dataRanges.empty();
}

/// All names in one buffer and all numbers in two arrays: objects made here, one for each entry
/// and with a buffer each, cost several times what reading the folders does.
class PackedFolders {
 public:
  PackedFolders(Napi::Env env, size_t entryCount)
      : env_(env),
        numbers_(Napi::Float64Array::New(env, entryCount * kStatNumbers)),
        identities_(Napi::BigUint64Array::New(env, entryCount * kStatIdentities)),
        extras_(Napi::Array::New(env)) {}

  void add(const FolderReading& reading) {
    for (const FolderEntry& entry : reading.entries) addEntry(entry);
    folderEnds_.push_back(static_cast<uint32_t>(nameEnds_.size()));
    errors_.push_back(static_cast<uint32_t>(reading.error));
  }

  Napi::Object toObject() const {
    Napi::Object object = Napi::Object::New(env_);
    object.Set("folderEnds", toUint32Array(env_, folderEnds_));
    object.Set("errors", toUint32Array(env_, errors_));
    object.Set("names", copyToBuffer(env_, names_));
    object.Set("nameEnds", toUint32Array(env_, nameEnds_));
    object.Set("numbers", numbers_);
    object.Set("identities", identities_);
    object.Set("extras", extras_);
    return object;
  }

 private:
  void addEntry(const FolderEntry& entry) {
    const Napi::HandleScope scope(env_);
    const uint32_t index = static_cast<uint32_t>(nameEnds_.size());
    names_ += entry.name;
    nameEnds_.push_back(static_cast<uint32_t>(names_.size()));
    packStat(entry.stat, numbers_.Data() + index * kStatNumbers,
             identities_.Data() + index * kStatIdentities);
    if (hasExtras(entry)) extras_.Set(extras_.Length(), extrasToObject(env_, index, entry));
  }

  Napi::Env env_;
  Napi::Float64Array numbers_;
  Napi::BigUint64Array identities_;
  Napi::Array extras_;
  std::string names_;
  std::vector<uint32_t> nameEnds_;
  std::vector<uint32_t> folderEnds_;
  std::vector<uint32_t> errors_;
};

class ReadFoldersTask final : public Task {
 public:
  explicit ReadFoldersTask(std::vector<std::string> paths) : paths_(std::move(paths)) {}
  void run() override { readings_ = readFolders(paths_); }
  Napi::Value result(Napi::Env env) override {
    size_t entryCount = 0;
    for (const FolderReading& reading : readings_) entryCount += reading.entries.size();
    PackedFolders packed(env, entryCount);
    for (const FolderReading& reading : readings_) packed.add(reading);
    return packed.toObject();
  }

 private:
  std::vector<std::string> paths_;
  std::vector<FolderReading> readings_;
};

class OpenBeneathTask final : public Task {
 public:
  OpenBeneathTask(std::string root, std::string path, int flags, mode_t mode)
      : root_(std::move(root)), path_(std::move(path)), flags_(flags), mode_(mode) {}
  void run() override {
    PathResolver resolver(root_);
    int folder = -1;
    std::string name;
    const int error = resolver.resolve(path_, folder, name);
    if (error != 0) throw Failure::system("open", error);
    file_ = FileDescriptor(openat(folder, name.c_str(), flags_ | O_NOFOLLOW | O_CLOEXEC, mode_));
    if (!file_.isOpen()) throw Failure::system("open", errno);
  }
  Napi::Value result(Napi::Env env) override { return Napi::Number::New(env, file_.release()); }

 private:
  std::string root_;
  std::string path_;
  int flags_;
  mode_t mode_;
  FileDescriptor file_;
};

class AllocateTask final : public Task {
 public:
  AllocateTask(int fd, uint64_t size) : fd_(fd), size_(size) {}
  void run() override { allocate(fd_, size_); }
  Napi::Value result(Napi::Env env) override { return env.Undefined(); }

 private:
  int fd_;
  uint64_t size_;
};

class WritebackTask final : public Task {
 public:
  WritebackTask(int fd, uint64_t offset, uint64_t length)
      : fd_(fd), offset_(offset), length_(length) {}
  void run() override { startWriteback(fd_, offset_, length_); }
  Napi::Value result(Napi::Env env) override { return env.Undefined(); }

 private:
  int fd_;
  uint64_t offset_;
  uint64_t length_;
};

class SyncFileSystemTask final : public Task {
 public:
  explicit SyncFileSystemTask(std::string path) : path_(std::move(path)) {}
  void run() override { syncFileSystem(path_); }
  Napi::Value result(Napi::Env env) override { return env.Undefined(); }

 private:
  std::string path_;
};

class LinkFoldersTask final : public Task {
 public:
  LinkFoldersTask(std::string root, std::string from, std::string to,
                  std::vector<std::string> paths)
      : root_(std::move(root)),
        from_(std::move(from)),
        to_(std::move(to)),
        paths_(std::move(paths)) {}
  void run() override { linked_ = linkFolders(root_, from_, to_, paths_); }
  Napi::Value result(Napi::Env env) override {
    Napi::Array folders = Napi::Array::New(env, linked_.folders.size());
    for (uint32_t i = 0; i < linked_.folders.size(); ++i) {
      const Napi::HandleScope scope(env);
      folders.Set(i, copyToBuffer(env, linked_.folders[i]));
    }
    Napi::Object object = Napi::Object::New(env);
    object.Set("folderCount", toNumber(env, linked_.folderCount));
    object.Set("folders", folders);
    return object;
  }

 private:
  std::string root_;
  std::string from_;
  std::string to_;
  std::vector<std::string> paths_;
  LinkedFolders linked_;
};

class RemoveTreeTask final : public Task {
 public:
  RemoveTreeTask(std::string path, size_t entriesMax)
      : path_(std::move(path)), entriesMax_(entriesMax) {}
  void run() override { isGone_ = removeTreeSlice(path_, entriesMax_); }
  Napi::Value result(Napi::Env env) override { return Napi::Boolean::New(env, isGone_); }

 private:
  std::string path_;
  size_t entriesMax_;
  bool isGone_ = false;
};

int fdOf(const Napi::Value& value) { return static_cast<int>(u32Of(value)); }

std::vector<std::string> textOfEach(const Napi::Value& value) {
  const auto array = value.As<Napi::Array>();
  std::vector<std::string> texts;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::HandleScope scope(value.Env());
    texts.push_back(textOf(array.Get(i)));
  }
  return texts;
}

/// readFolders(paths[]) =>
///   Promise<{folderEnds, errors, names, nameEnds, numbers, identities, extras[]}>
Napi::Value startReadFolders(const Napi::CallbackInfo& info) {
  return startBlockingTask(info.Env(), std::make_unique<ReadFoldersTask>(textOfEach(info[0])));
}

/// openBeneath(root, path, flags, mode) => Promise<fd>
Napi::Value startOpenBeneath(const Napi::CallbackInfo& info) {
  return startBlockingTask(info.Env(),
                           std::make_unique<OpenBeneathTask>(textOf(info[0]), textOf(info[1]),
                                                             fdOf(info[2]), u32Of(info[3])));
}

/// allocate(fd, size) => Promise<void>
Napi::Value startAllocate(const Napi::CallbackInfo& info) {
  return startBlockingTask(info.Env(),
                           std::make_unique<AllocateTask>(fdOf(info[0]), sizeOf(info[1])));
}

/// startWriteback(fd, offset, length) => Promise<void>
Napi::Value startStartWriteback(const Napi::CallbackInfo& info) {
  return startBlockingTask(info.Env(),
                           std::make_unique<WritebackTask>(fdOf(info[0]), sizeOf(info[1]),
                                                           sizeOf(info[2])));
}

/// syncFileSystem(path) => Promise<void>
Napi::Value startSyncFileSystem(const Napi::CallbackInfo& info) {
  return startBlockingTask(info.Env(), std::make_unique<SyncFileSystemTask>(textOf(info[0])));
}

/// linkFolders(root, from, to, paths[]) => Promise<{folderCount, folders[]}>
Napi::Value startLinkFolders(const Napi::CallbackInfo& info) {
  return startBlockingTask(info.Env(),
                           std::make_unique<LinkFoldersTask>(textOf(info[0]), textOf(info[1]),
                                                             textOf(info[2]), textOfEach(info[3])));
}

/// removeTreeSlice(path, entriesMax) => Promise<boolean>
Napi::Value startRemoveTree(const Napi::CallbackInfo& info) {
  return startBlockingTask(info.Env(),
                           std::make_unique<RemoveTreeTask>(textOf(info[0]), sizeOf(info[1])));
}

}  // namespace

void initFile(Napi::Env env, Napi::Object exports) {
  exports.Set("readFolders", Napi::Function::New<startReadFolders>(env, "readFolders"));
  exports.Set("openBeneath", Napi::Function::New<startOpenBeneath>(env, "openBeneath"));
  exports.Set("allocate", Napi::Function::New<startAllocate>(env, "allocate"));
  exports.Set("startWriteback",
              Napi::Function::New<startStartWriteback>(env, "startWriteback"));
  exports.Set("syncFileSystem", Napi::Function::New<startSyncFileSystem>(env, "syncFileSystem"));
  exports.Set("linkFolders", Napi::Function::New<startLinkFolders>(env, "linkFolders"));
  exports.Set("removeTreeSlice", Napi::Function::New<startRemoveTree>(env, "removeTreeSlice"));
}

}  // namespace muleplex
