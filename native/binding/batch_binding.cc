// SPDX-License-Identifier: GPL-2.0-or-later
#include "batch_binding.h"

#include <cstring>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"
#include "check.h"
#include "file_batch.h"
#include "task.h"

namespace muleplex {
namespace {

/// The order of this table is the order of FileOperationKind.
constexpr const char* kOperationNames[] = {"makeFolder",   "makeFile",   "hardLink",
                                           "symbolicLink", "changeMode", "changeOwner",
                                           "setTime",      "setAttribute", "removeFile",
                                           "removeFolder", "unshareFile"};

FileOperationKind kindOf(const std::string& name) {
  size_t kind = 0;
  while (kind < std::size(kOperationNames) && name != kOperationNames[kind]) ++kind;
  MULEPLEX_CHECK(kind < std::size(kOperationNames));
  return static_cast<FileOperationKind>(kind);
}

/// Without offsets the pieces follow each other.
void setPieces(FileOperation& operation, const Napi::Object& object) {
  operation.pieces = bytesOfEach(object.Get("pieces"));
  const Napi::Value offsets = object.Get("offsets");
  uint64_t next = 0;
  for (uint32_t i = 0; i < operation.pieces.size(); ++i) {
    operation.offsets.push_back(offsets.IsArray() ? sizeOf(offsets.As<Napi::Array>().Get(i))
                                                  : next);
    next = operation.offsets.back() + operation.pieces[i].size;
  }
  const Napi::Value size = object.Get("size");
  operation.size = size.IsUndefined() ? next : sizeOf(size);
}

FileOperation operationOf(const Napi::Object& object) {
  FileOperation operation;
  operation.kind = kindOf(object.Get("operation").As<Napi::String>().Utf8Value());
  operation.path = textOf(object.Get("path"));
  switch (operation.kind) {
    case FileOperationKind::kMakeFile:
      setPieces(operation, object);
      operation.mode = u32Of(object.Get("mode"));
      break;
    case FileOperationKind::kMakeFolder:
    case FileOperationKind::kChangeMode:
    case FileOperationKind::kUnshareFile:
      operation.mode = u32Of(object.Get("mode"));
      break;
    case FileOperationKind::kHardLink:
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

/// runFileBatch(root | empty, operations[]) => Promise<Int32Array>
Napi::Value startFileBatch(const Napi::CallbackInfo& info) {
  MULEPLEX_CHECK(info[1].IsArray());
  return startBlockingTask(
      info.Env(), std::make_unique<FileBatchTask>(textOf(info[0]), info[1].As<Napi::Array>()));
}

}  // namespace

void initBatch(Napi::Env env, Napi::Object exports) {
  exports.Set("runFileBatch", Napi::Function::New<startFileBatch>(env, "runFileBatch"));
}

}  // namespace muleplex
