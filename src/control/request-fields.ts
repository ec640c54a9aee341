// SPDX-License-Identifier: GPL-2.0-or-later
// Typed, checked fields of a JSON request body. Every problem is ERR_REQUEST_MALFORMED.
import { isAbsolute } from 'node:path';
import { ReplicationError } from '../base/errors.ts';

export class RequestFields {
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(body: unknown) {
    if (typeof body !== 'object' || body === null || Array.isArray(body)) {
      throw new ReplicationError('ERR_REQUEST_MALFORMED', 'the body is no JSON object');
    }
    this.#fields = body as Record<string, unknown>;
  }

  value(name: string): unknown {
    return Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined;
  }

  text(name: string): string {
    const value = this.value(name);
    if (typeof value === 'string' && value !== '') return value;
    throw this.error(name, 'a text');
  }

  optionalText(name: string): string | undefined {
    return this.value(name) === undefined ? undefined : this.text(name);
  }

  texts(name: string): string[] {
    const value = this.value(name);
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
    throw this.error(name, 'a list of texts');
  }

  /** Absolute, without NUL. */
  path(name: string): string {
    const value = this.text(name);
    if (isAbsolute(value) && !value.includes('\0')) return value;
    throw this.error(name, 'an absolute path');
  }

  flag(name: string): boolean {
    const value = this.value(name) ?? false;
    if (typeof value === 'boolean') return value;
    throw this.error(name, 'true or false');
  }

  optionalNumber(name: string, min: number, max: number): number | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (typeof value === 'number' && value >= min && value <= max) return value;
    throw this.error(name, `a number from ${min} to ${max}`);
  }

  optionalInteger(name: string, min: number, max: number): number | undefined {
    const value = this.optionalNumber(name, min, max);
    if (value === undefined || Number.isSafeInteger(value)) return value;
    throw this.error(name, `a whole number from ${min} to ${max}`);
  }

  error(name: string, wanted: string): ReplicationError {
    return new ReplicationError('ERR_REQUEST_MALFORMED', `${name} is not ${wanted}`);
  }
}
