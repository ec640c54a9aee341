// SPDX-License-Identifier: GPL-2.0-or-later
#include "file_binding.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "arguments.h"
#include "check.h"
#include "file_batch.h"
#include "file_extent.h"
#include "folder_reader.h"
#include "promise_worker.h"
#include "small_file_reader.h"
#include "tree_remover.h"

namespace muleplex {
namespace {

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

Napi::Object entryToObject(Napi::Env env, const FolderEntry& entry) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("name", copyToBuffer(env, entry.name));
  object.Set("statError", Napi::Number::New(env, entry.statError));
  if (entry.statError != 0) return object;
  setStat(object, entry.stat);
  object.Set("target", copyToBuffer(env, entry.target));
  object.Set("targetError", Napi::Number::New(env, entry.targetError));
  object.Set("attributes", attributesToArray(env, entry.attributes));
  object.Set("attributesError", Napi::Number::New(env, entry.attributesError));
  return object;
}

class ReadFolderTask final : public Task {
 public:
  explicit ReadFolderTask(std::string path) : path_(std::move(path)) {}
  void run() override { entries_ = readFolder(path_); }
  Napi::Value result(Napi::Env env) override {
    Napi::Array array = Napi::Array::New(env, entries_.size());
    for (uint32_t i = 0; i < entries_.size(); ++i) {
      const Napi::HandleScope scope(env);
      array.Set(i, entryToObject(env, entries_[i]));
    }
    return array;
  }

 private:
  std::string path_;
  std::vector<FolderEntry> entries_;
};

class ReadSmallFilesTask final : public Task {
 public:
  ReadSmallFilesTask(const Napi::Array& paths, size_t sizeMax) : sizeMax_(sizeMax) {
    for (uint32_t i = 0; i < paths.Length(); ++i) paths_.push_back(textOf(paths.Get(i)));
  }
  void run() override {
    for (const std::string& path : paths_) files_.push_back(readSmallFile(path, sizeMax_));
  }
  Napi::Value result(Napi::Env env) override {
    Napi::Array array = Napi::Array::New(env, files_.size());
    for (uint32_t i = 0; i < files_.size(); ++i) {
      const Napi::HandleScope scope(env);
      Napi::Object object = Napi::Object::New(env);
      object.Set("error", Napi::Number::New(env, files_[i].error));
      if (files_[i].error == 0) setStat(object, files_[i].stat);
      object.Set("bytes", toBuffer(env, std::move(files_[i].bytes)));
      array.Set(i, object);
    }
    return array;
  }

 private:
  std::vector<std::string> paths_;
  size_t sizeMax_;
  std::vector<SmallFile> files_;
};

/// The order of this table is the order of FileOperationKind.
constexpr const char* kOperationNames[] = {"makeFolder", "makeFile",     "hardLink", "symbolicLink",
                                           "changeMode", "changeOwner",  "setTime",  "setAttribute",
                                           "removeFile", "removeFolder", "rename"};

FileOperationKind kindOf(const std::string& name) {
  size_t kind = 0;
  while (kind < std::size(kOperationNames) && name != kOperationNames[kind]) ++kind;
  MULEPLEX_CHECK(kind < std::size(kOperationNames));
  return static_cast<FileOperationKind>(kind);
}

FileOperation operationOf(const Napi::Object& object) {
  FileOperation operation;
  operation.kind = kindOf(object.Get("operation").As<Napi::String>().Utf8Value());
  operation.path = textOf(object.Get("path"));
  switch (operation.kind) {
    case FileOperationKind::kMakeFile:
      operation.pieces = bytesOfEach(object.Get("pieces"));
      [[fallthrough]];
    case FileOperationKind::kMakeFolder:
    case FileOperationKind::kChangeMode:
      operation.mode = u32Of(object.Get("mode"));
      break;
    case FileOperationKind::kHardLink:
    case FileOperationKind::kRename:
      operation.other = textOf(object.Get("from"));
      break;
    case FileOperationKind::kSymbolicLink:
      operation.other = textOf(object.Get("target"));
      break;
    case FileOperationKind::kChangeOwner:
      operation.uid = u32Of(object.Get("uid"));
      operation.gid = u32Of(object.Get("gid"));
      break;
    case FileOperationKind::kSetTime:
      operation.seconds = integerOf(object.Get("mtimeSeconds"));
      operation.nanoseconds = integerOf(object.Get("mtimeNanoseconds"));
      break;
    case FileOperationKind::kSetAttribute:
      operation.name = textOf(object.Get("name"));
      operation.pieces.push_back(bytesOf(object.Get("value")));
      break;
    case FileOperationKind::kRemoveFile:
    case FileOperationKind::kRemoveFolder:
      break;
  }
  return operation;
}

std::unique_ptr<PathResolver> resolverFor(const std::string& root) {
  return root.empty() ? std::make_unique<PathResolver>() : std::make_unique<PathResolver>(root);
}

class FileBatchTask final : public Task {
 public:
  FileBatchTask(std::string root, const Napi::Array& operations)
      : root_(std::move(root)), pin_(pin(operations)) {
    operations_.reserve(operations.Length());
    for (uint32_t i = 0; i < operations.Length(); ++i) {
      const Napi::HandleScope scope(operations.Env());
      operations_.push_back(operationOf(operations.Get(i).As<Napi::Object>()));
    }
  }
  void run() override {
    const auto paths = resolverFor(root_);
    const auto others = resolverFor(root_);
    errors_ = runFileBatch(*paths, *others, operations_);
  }
  Napi::Value result(Napi::Env env) override {
    Napi::Int32Array array = Napi::Int32Array::New(env, errors_.size());
    if (!errors_.empty()) {
      std::memcpy(array.Data(), errors_.data(), errors_.size() * sizeof(int32_t));
    }
    return array;
  }

 private:
  std::string root_;
  Pin pin_;
  std::vector<FileOperation> operations_;
  std::vector<int32_t> errors_;
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

class DataRangesTask final : public Task {
 public:
  DataRangesTask(int fd, uint64_t size) : fd_(fd), size_(size) {}
  void run() override { ranges_ = dataRanges(fd_, size_); }
  Napi::Value result(Napi::Env env) override {
    Napi::Array array = Napi::Array::New(env, ranges_.size());
    for (uint32_t i = 0; i < ranges_.size(); ++i) {
      Napi::Object object = Napi::Object::New(env);
      object.Set("start", toNumber(env, ranges_[i].start));
      object.Set("end", toNumber(env, ranges_[i].end));
      array.Set(i, object);
    }
    return array;
  }

 private:
  int fd_;
  uint64_t size_;
  std::vector<ByteRange> ranges_;
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

class SyncFileSystemTask final : public Task {
 public:
  explicit SyncFileSystemTask(std::string path) : path_(std::move(path)) {}
  void run() override { syncFileSystem(path_); }
  Napi::Value result(Napi::Env env) override { return env.Undefined(); }

 private:
  std::string path_;
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

/// readFolder(path) => Promise<entry[]>
Napi::Value startReadFolder(const Napi::CallbackInfo& info) {
  return startTask(info.Env(), std::make_unique<ReadFolderTask>(textOf(info[0])));
}

/// readSmallFiles(paths[], sizeMax) => Promise<{error, bytes, stat fields}[]>
Napi::Value startReadSmallFiles(const Napi::CallbackInfo& info) {
  MULEPLEX_CHECK(info[0].IsArray());
  return startTask(
      info.Env(), std::make_unique<ReadSmallFilesTask>(info[0].As<Napi::Array>(), sizeOf(info[1])));
}

/// runFileBatch(root | empty, operations[]) => Promise<Int32Array>
Napi::Value startFileBatch(const Napi::CallbackInfo& info) {
  MULEPLEX_CHECK(info[1].IsArray());
  return startTask(info.Env(),
                   std::make_unique<FileBatchTask>(textOf(info[0]), info[1].As<Napi::Array>()));
}

/// openBeneath(root, path, flags, mode) => Promise<fd>
Napi::Value startOpenBeneath(const Napi::CallbackInfo& info) {
  return startTask(info.Env(), std::make_unique<OpenBeneathTask>(textOf(info[0]), textOf(info[1]),
                                                                 fdOf(info[2]), u32Of(info[3])));
}

/// dataRanges(fd, size) => Promise<{start, end}[]>
Napi::Value startDataRanges(const Napi::CallbackInfo& info) {
  return startTask(info.Env(), std::make_unique<DataRangesTask>(fdOf(info[0]), sizeOf(info[1])));
}

/// allocate(fd, size) => Promise<void>
Napi::Value startAllocate(const Napi::CallbackInfo& info) {
  return startTask(info.Env(), std::make_unique<AllocateTask>(fdOf(info[0]), sizeOf(info[1])));
}

/// syncFileSystem(path) => Promise<void>
Napi::Value startSyncFileSystem(const Napi::CallbackInfo& info) {
  return startTask(info.Env(), std::make_unique<SyncFileSystemTask>(textOf(info[0])));
}

/// removeTreeSlice(path, entriesMax) => Promise<boolean>
Napi::Value startRemoveTree(const Napi::CallbackInfo& info) {
  return startTask(info.Env(), std::make_unique<RemoveTreeTask>(textOf(info[0]), sizeOf(info[1])));
}

}  // namespace

void initFile(Napi::Env env, Napi::Object exports) {
  exports.Set("readFolder", Napi::Function::New<startReadFolder>(env, "readFolder"));
  exports.Set("readSmallFiles", Napi::Function::New<startReadSmallFiles>(env, "readSmallFiles"));
  exports.Set("runFileBatch", Napi::Function::New<startFileBatch>(env, "runFileBatch"));
  exports.Set("openBeneath", Napi::Function::New<startOpenBeneath>(env, "openBeneath"));
  exports.Set("dataRanges", Napi::Function::New<startDataRanges>(env, "dataRanges"));
  exports.Set("allocate", Napi::Function::New<startAllocate>(env, "allocate"));
  exports.Set("syncFileSystem", Napi::Function::New<startSyncFileSystem>(env, "syncFileSystem"));
  exports.Set("removeTreeSlice", Napi::Function::New<startRemoveTree>(env, "removeTreeSlice"));
}

}  // namespace muleplex
