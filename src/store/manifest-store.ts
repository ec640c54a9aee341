// SPDX-License-Identifier: GPL-2.0-or-later
// Manifests as received: headers are kept for ever, bodies while their snapshot is retained.
// What is read back is checked by the caller against the snapshot id and the body hash.
import { join } from 'node:path';
import { MANIFEST_BODY_SIZE_MAX } from '../base/limits.ts';
import { envelopeSizeMax } from '../dataset/envelope.ts';
import type { SnapshotId } from '../dataset/ids.ts';
import { readBounded, sweepTemporary, writeAtomic } from './atomic-file.ts';
import { realDisk } from './disk.ts';
import type { Disk } from './disk.ts';

export class ManifestStore {
  readonly #folder: string;
  readonly #disk: Disk;

  constructor(folder: string, disk: Disk = realDisk) {
    this.#folder = folder;
    this.#disk = disk;
  }

  /** Keeps a header's envelope; durable when it resolves. */
  putHeader(snapshotId: SnapshotId, envelope: Buffer): Promise<void> {
    return writeAtomic(this.#path(snapshotId, 'header'), envelope, { disk: this.#disk });
  }

  /** The header's envelope, undefined when it is not here. */
  header(snapshotId: SnapshotId): Promise<Buffer | undefined> {
    return readBounded(
      this.#path(snapshotId, 'header'),
      envelopeSizeMax('manifestHeader'),
      this.#disk,
    );
  }

  /** Keeps a body; durable when it resolves. */
  putBody(snapshotId: SnapshotId, body: Buffer): Promise<void> {
    return writeAtomic(this.#path(snapshotId, 'body'), body, { disk: this.#disk });
  }

  /** The body, undefined when it is not here. */
  body(snapshotId: SnapshotId): Promise<Buffer | undefined> {
    return readBounded(this.#path(snapshotId, 'body'), MANIFEST_BODY_SIZE_MAX, this.#disk);
  }

  /** Removes what interrupted writes left; for the start of a daemon. */
  sweep(): Promise<void> {
    return sweepTemporary(this.#folder, this.#disk);
  }

  #path(snapshotId: SnapshotId, kind: 'header' | 'body'): string {
    return join(this.#folder, `${snapshotId}.${kind}`);
  }
}
