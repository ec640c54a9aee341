// SPDX-License-Identifier: GPL-2.0-or-later
#include "writer_binding.h"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "arguments.h"
#include "check.h"
#include "file_writer.h"
#include "task.h"

namespace muleplex {
namespace {

/// JavaScript's FileWriter: calls run one at a time, which the facade sees to.
class FileWriterObject final : public Napi::ObjectWrap<FileWriterObject> {
 public:
  explicit FileWriterObject(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<FileWriterObject>(info), writer_(static_cast<int>(u32Of(info[0]))) {}

  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "FileWriter",
                       {InstanceMethod<&FileWriterObject::write>("write"),
                        InstanceMethod<&FileWriterObject::flush>("flush")});
  }

  FileWriter& writer() { return writer_; }
  void begin() {
    MULEPLEX_CHECK(!isBusy_);
    isBusy_ = true;
  }
  void end() { isBusy_ = false; }

 private:
  Napi::Value write(const Napi::CallbackInfo& info);
  Napi::Value flush(const Napi::CallbackInfo& info);

  FileWriter writer_;
  bool isBusy_ = false;
};

/// A task on a FileWriter, which it keeps alive and to itself.
class WriterTask : public Task {
 public:
  explicit WriterTask(FileWriterObject& object) : object_(object), self_(pin(object.Value())) {
    object_.begin();
  }
  Napi::Value result(Napi::Env env) override { return env.Undefined(); }
  void settle() override { object_.end(); }

 protected:
  FileWriter& writer() { return object_.writer(); }

 private:
  FileWriterObject& object_;
  Pin self_;
};

class WriteTask final : public WriterTask {
 public:
  WriteTask(FileWriterObject& object, const Napi::Value& pieces, std::vector<uint64_t> offsets)
      : WriterTask(object),
        pieces_(bytesOfEach(pieces)),
        pin_(pin(pieces)),
        offsets_(std::move(offsets)) {}
  void run() override {
    for (size_t i = 0; i < pieces_.size(); ++i) writer().write(pieces_[i], offsets_[i]);
  }

 private:
  std::vector<ByteView> pieces_;
  Pin pin_;
  std::vector<uint64_t> offsets_;
};

class FlushTask final : public WriterTask {
 public:
  using WriterTask::WriterTask;
  void run() override { writer().flush(); }
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
