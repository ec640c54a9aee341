// SPDX-License-Identifier: GPL-2.0-or-later
// Tables and key files in memory, for tests of what lies above the store.
import type { KeyFiles } from '../../src/peers/identity.ts';

export class MemoryTable<V> {
  readonly #rows = new Map<string, V>();

  entries(): Promise<{ key: string; value: V }[]> {
    const keys = [...this.#rows.keys()].sort();
    return Promise.resolve(keys.map((key) => ({ key, value: this.#rows.get(key) as V })));
  }

  put(key: string, value: V): Promise<void> {
    this.#rows.set(key, value);
    return Promise.resolve();
  }

  remove(key: string): Promise<void> {
    this.#rows.delete(key);
    return Promise.resolve();
  }

  async putAll(entries: readonly { readonly key: string; readonly value: V }[]): Promise<void> {
    for (const { key, value } of entries) await this.put(key, value);
  }

  async removeAll(keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.remove(key);
  }
}

export class MemoryKeyFiles implements KeyFiles {
  readonly files = new Map<string, Buffer>();

  read(name: string): Promise<Buffer | undefined> {
    return Promise.resolve(this.files.get(name));
  }

  write(name: string, bytes: Buffer): Promise<void> {
    this.files.set(name, bytes);
    return Promise.resolve();
  }
}
