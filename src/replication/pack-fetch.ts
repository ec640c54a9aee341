// SPDX-License-Identifier: GPL-2.0-or-later
// One pack on its way here: what is known of it, and what the core is to be told.
import { ReplicationError } from '../base/errors.ts';
import type { EndPoint, FetchRequest, FetchState, SharedPack } from '../core/core.ts';
import { encodeDescriptor, type PackDescriptor } from '../dataset/descriptor.ts';
import type { PackId } from '../dataset/ids.ts';
import { partCount } from '../ed2k/part-arithmetic.ts';
import { PartBitmap } from '../ed2k/part-bitmap.ts';
import type { PackRow } from '../store/rows.ts';
import type { Dataset } from './dataset-registry.ts';

/** A pack with the data set that it belongs to. */
export interface WantedPack {
  readonly packId: PackId;
  readonly descriptor: PackDescriptor;
  readonly dataset: Dataset;
}

interface Init extends WantedPack {
  /** Where the complete pack goes. */
  readonly path: string;
  readonly verified: PartBitmap | undefined;
}

export class PackFetch {
  readonly packId: PackId;
  readonly descriptor: PackDescriptor;
  readonly dataset: Dataset;
  readonly path: string;
  /** Parts that are verified, as far as the core said. */
  verified: PartBitmap;
  /** The verified parts that the catalogue knows. */
  saved: PartBitmap;
  /** A damaged file whose good parts are to be kept. */
  seedPath: string | undefined;
  /** What the core said last. */
  state: FetchState | undefined;
  /** Why it does not go on. */
  problem: ReplicationError | undefined;
  /** Resolves when the pack is complete and durable; rejects when the fetch is given up. */
  readonly done: Promise<void>;
  readonly #settle: { resolve: () => void; reject: (error: unknown) => void };

  constructor(init: Init) {
    this.packId = init.packId;
    this.descriptor = init.descriptor;
    this.dataset = init.dataset;
    this.path = init.path;
    this.verified = init.verified ?? PartBitmap.empty(partCount(init.descriptor.size));
    this.saved = this.verified;
    const { promise, resolve, reject } = withResolvers();
    this.done = promise;
    this.#settle = { resolve, reject };
    // Whoever waits sees a failure; nobody may be waiting.
    promise.catch(() => undefined);
  }

  get fileHash(): string {
    return this.descriptor.fileHash.toString('hex');
  }

  /** Bytes that are here, verified or not. */
  get bytesDone(): number {
    return this.state?.bytesDone ?? 0;
  }

  request(sources: readonly EndPoint[]): FetchRequest {
    return {
      ...sharedPack(this.descriptor, this.path),
      name: `${this.packId}.pack`,
      partSha256: this.descriptor.partSha256,
      sources,
      priority: 'normal',
      haveParts: this.verified,
      ...(this.seedPath === undefined ? {} : { seedPath: this.seedPath }),
    };
  }

  complete(): void {
    this.#settle.resolve();
  }

  fail(error: unknown): void {
    this.#settle.reject(error);
  }
}

/** A complete pack as the core takes it. */
export function sharedPack(descriptor: PackDescriptor, path: string): SharedPack {
  return {
    path,
    size: descriptor.size,
    fileHash: descriptor.fileHash.toString('hex'),
    partHashes: descriptor.partHashes,
    aichRoot: descriptor.aichRoot,
  };
}

/** Of a pack of which these parts are here. */
export function fetchingRow(pack: WantedPack, verified: PartBitmap): PackRow {
  return {
    datasetId: pack.dataset.id,
    descriptor: encodeDescriptor(pack.descriptor),
    state: 'fetching',
    verifiedParts: verified.toBytes(),
  };
}

/** Of a pack that is here and was verified. */
export function completeRow(pack: WantedPack): PackRow {
  return {
    datasetId: pack.dataset.id,
    descriptor: encodeDescriptor(pack.descriptor),
    state: 'complete',
    verifiedParts: null,
  };
}

/** The parts of a pack that are here, as the catalogue knows. */
export function bitmapOf(
  descriptor: PackDescriptor,
  row: PackRow | undefined,
): PartBitmap | undefined {
  if (row?.state !== 'fetching' || row.verifiedParts === null) return undefined;
  return PartBitmap.fromBytes(row.verifiedParts, partCount(descriptor.size));
}

export function partUnavailable(fetch: PackFetch, partIndex: number): ReplicationError {
  return new ReplicationError(
    'ERR_PART_UNAVAILABLE',
    `no site has an intact part ${partIndex} of pack ${fetch.packId}`,
    { packId: fetch.packId, partIndex },
  );
}

function withResolvers(): {
  promise: Promise<void>;
  resolve: () => void;
  reject: (error: unknown) => void;
} {
  let resolve: () => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
