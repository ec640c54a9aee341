// SPDX-License-Identifier: GPL-2.0-or-later
#include "writer_binding.h"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "arguments.h"
#include "file_writer.h"
#include "object_task.h"
#include "task.h"

namespace muleplex {
namespace {

/// JavaScript's FileWriter.
class FileWriterObject final : public Napi::ObjectWrap<FileWriterObject>,
                               public Exclusive<FileWriter> {
 public:
  explicit FileWriterObject(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<FileWriterObject>(info),
        Exclusive<FileWriter>(static_cast<int>(u32Of(info[0]))) {}

  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "FileWriter",
                       {InstanceMethod<&FileWriterObject::write>("write"),
                        InstanceMethod<&FileWriterObject::flush>("flush")});
  }

 private:
  Napi::Value write(const Napi::CallbackInfo& info);
  Napi::Value flush(const Napi::CallbackInfo& info);
};

using WriterTask = ObjectTask<FileWriterObject>;

class WriteTask final : public WriterTask {
 public:
  WriteTask(FileWriterObject& object, const Napi::Value& pieces, std::vector<uint64_t> offsets)
      : WriterTask(object),
        pieces_(bytesOfEach(pieces)),
        pin_(pin(pieces)),
        offsets_(std::move(offsets)) {}
  void run() override {
    for (size_t i = 0; i < pieces_.size(); ++i) core().write(pieces_[i], offsets_[i]);
  }
  Napi::Value result(Napi::Env env) override { return env.Undefined(); }

 private:
  std::vector<ByteView> pieces_;
  Pin pin_;
  std::vector<uint64_t> offsets_;
};

class FlushTask final : public WriterTask {
 public:
  using WriterTask::WriterTask;
  void run() override { core().flush(); }
  Napi::Value result(Napi::Env env) override { return env.Undefined(); }
};

/// write(pieces[], offsets) => Promise<void>
Napi::Value FileWriterObject::write(const Napi::CallbackInfo& info) {
  return startBlockingTask(info.Env(),
                           std::make_unique<WriteTask>(*this, info[0], sizesOf(info[1])));
}

/// flush() => Promise<void>
Napi::Value FileWriterObject::flush(const Napi::CallbackInfo& info) {
  return startBlockingTask(info.Env(), std::make_unique<FlushTask>(*this));
}

}  // namespace

void initWriter(Napi::Env env, Napi::Object exports) {
  exports.Set("FileWriter", FileWriterObject::define(env));
}

}  // namespace muleplex
