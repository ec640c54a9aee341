// SPDX-License-Identifier: GPL-2.0-or-later
// Checks before the addon is called; each throws ERR_ARGUMENT_INVALID that names the argument.
import { ReplicationError } from '../base/errors.ts';

function invalid(name: string, rule: string): ReplicationError {
  return new ReplicationError('ERR_ARGUMENT_INVALID', `${name} must be ${rule}`, {
    argument: name,
  });
}

/** An integer from min to max, both included. */
export function checkInteger(name: string, value: unknown, min: number, max: number): void {
  if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
    throw invalid(name, `an integer from ${min} to ${max}`);
  }
}

/** A size or an offset in bytes. */
export function checkSize(name: string, value: unknown): void {
  checkInteger(name, value, 0, Number.MAX_SAFE_INTEGER);
}

/** An open descriptor's number. */
export function checkDescriptor(name: string, value: unknown): void {
  checkInteger(name, value, 0, 0x7fffffff);
}

export function checkBuffer(name: string, value: unknown): void {
  if (!Buffer.isBuffer(value)) throw invalid(name, 'a Buffer');
}

/** A Buffer of exactly 32 bytes. */
export function checkKey(name: string, value: unknown): void {
  if (!Buffer.isBuffer(value) || value.length !== 32) throw invalid(name, 'a Buffer of 32 bytes');
}

/** A path or name for a system call: not empty, without a zero byte. */
export function checkPath(name: string, value: unknown): void {
  if (!Buffer.isBuffer(value) || value.length === 0 || value.includes(0)) {
    throw invalid(name, 'a Buffer of one or more bytes without a zero byte');
  }
}

/** A Uint32Array. */
export function checkUint32Array(name: string, value: unknown): void {
  if (!(value instanceof Uint32Array)) throw invalid(name, 'a Uint32Array');
}

/** An array of at most countMax Buffers. Gives a copy, which nobody else can change. */
export function checkBuffers(name: string, value: readonly Buffer[], countMax: number): Buffer[] {
  if (!Array.isArray(value) || value.length > countMax) {
    throw invalid(name, `an array of at most ${countMax} Buffers`);
  }
  const copy = value.slice() as Buffer[];
  for (const item of copy) checkBuffer(name, item);
  return copy;
}
