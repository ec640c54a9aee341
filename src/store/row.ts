// SPDX-License-Identifier: GPL-2.0-or-later
// Declared shapes of catalogue rows: one declaration gives the type, the writer and the checked
// reader. Rows are JSON; bytes are base64 inside. A row that does not have its shape is a corrupt
// catalogue.
import { ReplicationError } from '../base/errors.ts';

export interface Field<T> {
  /** The JSON value that stands for it. */
  encode(value: T): unknown;
  /** Reads it back; path names the field in the error. */
  decode(json: unknown, path: string): T;
}

export type ValueOf<F> = F extends Field<infer T> ? T : never;

type RecordValue<S> = { -readonly [K in keyof S]: ValueOf<S[K]> };

function wrong(path: string, wanted: string): ReplicationError {
  return new ReplicationError('ERR_FORMAT_MALFORMED', `catalogue row: ${path} is not ${wanted}`, {
    path,
  });
}

function same<T>(test: (json: unknown) => json is T, wanted: string): Field<T> {
  return {
    encode: (value) => value,
    decode: (json, path) => {
      if (!test(json)) throw wrong(path, wanted);
      return json;
    },
  };
}

export const text: Field<string> = same((json) => typeof json === 'string', 'a text');

export const flag: Field<boolean> = same((json) => typeof json === 'boolean', 'true or false');

/** A whole number from 0 to 2^53 - 1. */
export const count: Field<number> = same(
  (json): json is number => Number.isSafeInteger(json) && (json as number) >= 0,
  'a whole number',
);

export const bytes: Field<Buffer> = {
  encode: (value) => value.toString('base64'),
  decode: (json, path) => {
    if (typeof json !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(json)) {
      throw wrong(path, 'base64');
    }
    return Buffer.from(json, 'base64');
  },
};

/** 32 bytes in lower-case hex, branded by the caller. */
export function hex64<T extends string>(): Field<T> {
  return same(
    (json): json is T => typeof json === 'string' && /^[0-9a-f]{64}$/.test(json),
    'an id',
  );
}

export function oneOf<const T extends string>(...allowed: readonly T[]): Field<T> {
  return same(
    (json): json is T => (allowed as readonly unknown[]).includes(json),
    allowed.join(' or '),
  );
}

export function nullable<T>(field: Field<T>): Field<T | null> {
  return {
    encode: (value) => (value === null ? null : field.encode(value)),
    decode: (json, path) => (json === null ? null : field.decode(json, path)),
  };
}

/** A field that rows of earlier versions do not have. */
export function withDefault<T>(field: Field<T>, fallback: T): Field<T> {
  return {
    encode: (value) => field.encode(value),
    decode: (json, path) => (json === undefined ? fallback : field.decode(json, path)),
  };
}

export function list<T>(item: Field<T>): Field<T[]> {
  return {
    encode: (value) => value.map((each) => item.encode(each)),
    decode: (json, path) => {
      if (!Array.isArray(json)) throw wrong(path, 'a list');
      return json.map((each, index) => item.decode(each, `${path}[${index}]`));
    },
  };
}

/** An object with exactly these fields. */
export function record<S extends Record<string, Field<unknown>>>(shape: S): Field<RecordValue<S>> {
  const fields = Object.entries(shape) as [keyof S & string, Field<unknown>][];
  return {
    encode: (value) =>
      Object.fromEntries(fields.map(([name, field]) => [name, field.encode(value[name])])),
    decode: (json, path) => {
      if (typeof json !== 'object' || json === null || Array.isArray(json)) {
        throw wrong(path, 'an object');
      }
      const given = json as Record<string, unknown>;
      for (const name of Object.keys(given)) {
        if (!Object.hasOwn(shape, name)) throw wrong(`${path}.${name}`, 'a known field');
      }
      const value = fields.map(([name, field]) => [
        name,
        field.decode(given[name], `${path}.${name}`),
      ]);
      return Object.fromEntries(value) as RecordValue<S>;
    },
  };
}
