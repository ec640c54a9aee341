// SPDX-License-Identifier: GPL-2.0-or-later
// Reads arguments that the TypeScript facade has checked. A value of the wrong type here is a bug
// of the facade, so it aborts (MULEPLEX_CHECK) and never becomes a JavaScript error.
#ifndef MULEPLEX_BINDING_ARGUMENTS_H_
#define MULEPLEX_BINDING_ARGUMENTS_H_

#include <napi.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "crypto.h"
#include "file_batch.h"

namespace muleplex {

/// Keeps a buffer, or an array of buffers, from being collected. To be destroyed on the JavaScript
/// thread. The bytes are not copied: callers do not change them before the promise settles.
using Pin = Napi::ObjectReference;

Pin pin(const Napi::Value& value);
/// The memory of a Buffer; valid while it is pinned.
ByteView bytesOf(const Napi::Value& value);
/// The memory of each Buffer in an array; valid while the array is pinned and not changed.
std::vector<ByteView> bytesOfEach(const Napi::Value& value);
/// A copy, for paths and names.
std::string textOf(const Napi::Value& buffer);
/// A copy of a 32-byte Buffer.
SecretKey keyOf(const Napi::Value& buffer);
std::optional<SecretKey> optionalKeyOf(const Napi::Value& value);
/// A non-negative integer up to 2^53 - 1.
uint64_t sizeOf(const Napi::Value& value);
uint32_t u32Of(const Napi::Value& value);
/// A copy of a Uint32Array.
std::vector<uint32_t> u32sOf(const Napi::Value& value);
/// A copy of a Float64Array of non-negative integers up to 2^53 - 1.
std::vector<uint64_t> sizesOf(const Napi::Value& value);
/// An integer of any sign.
int64_t integerOf(const Napi::Value& value);

/// A Buffer that takes over the memory of `bytes`.
Napi::Value toBuffer(Napi::Env env, std::vector<uint8_t>&& bytes);
/// A Buffer with a copy.
Napi::Value copyToBuffer(Napi::Env env, const void* data, size_t size);
Napi::Value copyToBuffer(Napi::Env env, const std::string& text);
Napi::Value toUint32Array(Napi::Env env, const std::vector<uint32_t>& values);
Napi::Value toNumber(Napi::Env env, uint64_t value);

}  // namespace muleplex

#endif  // MULEPLEX_BINDING_ARGUMENTS_H_
