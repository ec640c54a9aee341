// SPDX-License-Identifier: GPL-2.0-or-later
#include "arguments.h"

#include <cmath>
#include <cstring>
#include <memory>

#include "check.h"

namespace muleplex {
namespace {

constexpr double kSafeIntegerMax = 9007199254740991.0;
// Up to here a copy costs less than the bookkeeping for memory of ours.
constexpr size_t kCopiedSizeMax = 4096;

int64_t integerOf(double number) {
  MULEPLEX_CHECK(std::abs(number) <= kSafeIntegerMax && std::trunc(number) == number);
  return static_cast<int64_t>(number);
}

}  // namespace

Pin pin(const Napi::Value& value) {
  MULEPLEX_CHECK(value.IsObject());
  return Napi::Persistent(value.As<Napi::Object>());
}

ByteView bytesOf(const Napi::Value& value) {
  MULEPLEX_CHECK(value.IsBuffer());
  const auto buffer = value.As<Napi::Buffer<uint8_t>>();
  return {buffer.Data(), buffer.Length()};
}

std::vector<ByteView> bytesOfEach(const Napi::Value& value) {
  MULEPLEX_CHECK(value.IsArray());
  const auto array = value.As<Napi::Array>();
  const uint32_t count = array.Length();
  std::vector<ByteView> views;
  views.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    const Napi::HandleScope scope(value.Env());
    views.push_back(bytesOf(array.Get(i)));
  }
  return views;
}

std::string textOf(const Napi::Value& buffer) {
  const ByteView view = bytesOf(buffer);
  return std::string(reinterpret_cast<const char*>(view.data), view.size);
}

SecretKey keyOf(const Napi::Value& buffer) {
  const ByteView view = bytesOf(buffer);
  MULEPLEX_CHECK(view.size == kKeySize);
  return SecretKey(view.data);
}

std::optional<SecretKey> optionalKeyOf(const Napi::Value& value) {
  if (value.IsUndefined()) return std::nullopt;
  return keyOf(value);
}

int64_t integerOf(const Napi::Value& value) {
  MULEPLEX_CHECK(value.IsNumber());
  return integerOf(value.As<Napi::Number>().DoubleValue());
}

uint64_t sizeOf(const Napi::Value& value) {
  const int64_t number = integerOf(value);
  MULEPLEX_CHECK(number >= 0);
  return static_cast<uint64_t>(number);
}

uint32_t u32Of(const Napi::Value& value) {
  const uint64_t number = sizeOf(value);
  MULEPLEX_CHECK(number <= UINT32_MAX);
  return static_cast<uint32_t>(number);
}

std::vector<uint32_t> u32sOf(const Napi::Value& value) {
  MULEPLEX_CHECK(value.IsTypedArray());
  const auto array = value.As<Napi::TypedArray>();
  MULEPLEX_CHECK(array.TypedArrayType() == napi_uint32_array);
  const uint32_t* values = array.As<Napi::Uint32Array>().Data();
  return std::vector<uint32_t>(values, values + array.ElementLength());
}

std::vector<uint64_t> sizesOf(const Napi::Value& value) {
  MULEPLEX_CHECK(value.IsTypedArray());
  const auto array = value.As<Napi::TypedArray>();
  MULEPLEX_CHECK(array.TypedArrayType() == napi_float64_array);
  const double* numbers = array.As<Napi::Float64Array>().Data();
  std::vector<uint64_t> sizes;
  sizes.reserve(array.ElementLength());
  for (size_t i = 0; i < array.ElementLength(); ++i) {
    const int64_t number = integerOf(numbers[i]);
    MULEPLEX_CHECK(number >= 0);
    sizes.push_back(static_cast<uint64_t>(number));
  }
  return sizes;
}

Napi::Value toBuffer(Napi::Env env, std::vector<uint8_t>&& bytes) {
  // Not only faster: an empty vector has no memory, and a Buffer of none counts as detached.
  if (bytes.size() <= kCopiedSizeMax) return copyToBuffer(env, bytes.data(), bytes.size());
  auto owner = std::make_unique<std::vector<uint8_t>>(std::move(bytes));
  std::vector<uint8_t>* memory = owner.release();
  return Napi::Buffer<uint8_t>::NewOrCopy(
      env, memory->data(), memory->size(),
      [](Napi::Env, uint8_t*, std::vector<uint8_t>* owned) { delete owned; }, memory);
}

Napi::Value copyToBuffer(Napi::Env env, const void* data, size_t size) {
  return Napi::Buffer<uint8_t>::Copy(env, static_cast<const uint8_t*>(data), size);
}

Napi::Value copyToBuffer(Napi::Env env, const std::string& text) {
  return copyToBuffer(env, text.data(), text.size());
}

Napi::Value toUint32Array(Napi::Env env, const std::vector<uint32_t>& values) {
  Napi::Uint32Array array = Napi::Uint32Array::New(env, values.size());
  if (!values.empty()) {
    std::memcpy(array.Data(), values.data(), values.size() * sizeof(uint32_t));
  }
  return array;
}

Napi::Value toNumber(Napi::Env env, uint64_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}

}  // namespace muleplex
