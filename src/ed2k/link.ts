// SPDX-License-Identifier: GPL-2.0-or-later
// ed2k links: `ed2k://|file|NAME|SIZE|HASH|p=PARTHASHES|h=AICH|/|sources,HOST:PORT,...|/`.
// The package ed2k-link splits and joins them; everything it takes on trust is checked here.
import assert from 'node:assert/strict';
import ed2kLink from 'ed2k-link';
import { LINK_LENGTH_MAX, LINK_NAME_LENGTH_MAX, LINK_SOURCES_MAX } from '../base/limits.ts';
import { malformed } from '../bytes/malformed.ts';
import type { ReplicationError } from '../base/errors.ts';
import { decodeBase32, encodeBase32 } from './base32.ts';
import { AICH_HASH_SIZE, FILE_HASH_SIZE, FILE_SIZE_MAX } from './constants.ts';
import { hashsetProblem } from './hashset.ts';

const FORMAT = { code: 'ERR_LINK_MALFORMED', name: 'ed2k link' } as const;
/** The fields before the closing `|/`, and the list of sources after it. */
const LINK = new RegExp(
  [
    /^ed2k:\/\/\|file\|([^|]+)\|([0-9]{1,12})\|([0-9A-Fa-f]{32})\|/,
    /((?:[^|/][^|]*\|)*)\/(?:\|sources,([^|]*)\|\/)?$/,
  ]
    .map(({ source }) => source)
    .join(''),
);
const HEX_HASHES = /^[0-9A-Fa-f]{32}(:[0-9A-Fa-f]{32})*$/;
const SOURCE = /^([A-Za-z0-9.-]{1,253}):([1-9][0-9]{0,4})$/;
const CONTROL = /[\0-\x1f\x7f]/;
const PORT_MAX = 65_535;

/** A client that the link says has the file: a DNS name or an IPv4 address, and a TCP port. */
export interface LinkSource {
  readonly host: string;
  readonly port: number;
}

export interface Ed2kLink {
  /** One file name: no '/', no control characters. */
  readonly name: string;
  readonly size: number;
  /** 32 lower-case hex digits. */
  readonly fileHash: string;
  /** 20 bytes. */
  readonly aichRoot?: Buffer;
  /** The hashset, 16 bytes times ed2kHashCount(size); it makes the file hash. */
  readonly partHashes?: Buffer;
  readonly sources: readonly LinkSource[];
}

/** ERR_LINK_MALFORMED for anything but one whole link to a file. Unknown fields are ignored. */
export function parseEd2kLink(text: string): Ed2kLink {
  if (text.length > LINK_LENGTH_MAX) throw failure('', `has ${text.length} characters`);
  const match = LINK.exec(text);
  const [, rawName, rawSize, rawHash, fields = '', rawSources] = match ?? [];
  if (rawName === undefined || rawSize === undefined || rawHash === undefined) {
    throw failure('', 'is no link to a file');
  }
  // The package takes the hash in capitals only.
  const parsed = parsePackage(
    `ed2k://|file|${rawName}|${rawSize}|${rawHash.toUpperCase()}|${fields}/` +
      (rawSources === undefined ? '' : `|sources,${rawSources}|/`),
  );
  const size = parsed.length;
  if (size < 1 || size > FILE_SIZE_MAX) throw failure('size', `is ${size}`);
  const fileHash = parsed.ed2k.toLowerCase();
  const partHashes = parsePartHashes(parsed.hashset, size, fileHash);
  const aichRoot = parsed.aich === '' ? undefined : parseAich(parsed.aich);
  return {
    name: checkedName(parsed.filename),
    size,
    fileHash,
    ...(aichRoot === undefined ? {} : { aichRoot }),
    ...(partHashes === undefined ? {} : { partHashes }),
    sources: parseSources(parsed.sources.client),
  };
}

/** A link that parseEd2kLink reads back to the same value; one that does not is a bug. */
export function formatEd2kLink(link: Ed2kLink): string {
  const out = new ed2kLink.Ed2kLink();
  out.filename = link.name;
  out.length = link.size;
  out.ed2k = link.fileHash.toUpperCase();
  out.hashset = hashesOf(link.partHashes ?? Buffer.alloc(0));
  out.aich = link.aichRoot === undefined ? '' : encodeBase32(link.aichRoot);
  out.sources.client =
    link.sources.length === 0 ? [] : link.sources.map(({ host, port }) => `${host}:${port}`);
  const text = out.toString({ hashset: true });
  assert.deepEqual(parseEd2kLink(text), link, 'a link says what it was made of');
  return text;
}

function parsePackage(text: string): ReturnType<typeof ed2kLink.parse> {
  try {
    return ed2kLink.parse(text);
  } catch {
    // Its message repeats the whole text.
    throw failure('name', 'is no percent-encoded UTF-8');
  }
}

function checkedName(name: string): string {
  const isName =
    name !== '.' &&
    name !== '..' &&
    !name.includes('/') &&
    !CONTROL.test(name) &&
    Buffer.from(name).toString() === name &&
    Buffer.byteLength(name) <= LINK_NAME_LENGTH_MAX;
  if (!isName) throw failure('name', 'is no file name');
  return name;
}

function parsePartHashes(hashset: string[], size: number, fileHash: string): Buffer | undefined {
  if (hashset.length === 0) return undefined;
  const text = hashset.join(':');
  if (!HEX_HASHES.test(text)) throw failure('p', 'is no list of part hashes');
  const partHashes = Buffer.from(hashset.join(''), 'hex');
  const problem = hashsetProblem(size, Buffer.from(fileHash, 'hex'), partHashes);
  if (problem !== undefined) throw failure('p', problem);
  return partHashes;
}

function parseAich(text: string): Buffer {
  const root = decodeBase32(text);
  if (root?.length !== AICH_HASH_SIZE) throw failure('h', 'is no AICH root hash');
  return root;
}

function parseSources(texts: readonly string[]): LinkSource[] {
  if (texts.length > LINK_SOURCES_MAX) throw failure('sources', `are ${texts.length}`);
  return texts.map((text) => {
    const [, host, port] = SOURCE.exec(text) ?? [];
    if (host === undefined || Number(port) > PORT_MAX) {
      throw failure('sources', 'have one that is no HOST:PORT');
    }
    return { host, port: Number(port) };
  });
}

function hashesOf(partHashes: Buffer): string[] {
  const hex = partHashes.toString('hex').toUpperCase();
  return hex.match(new RegExp(`.{${FILE_HASH_SIZE * 2}}`, 'g')) ?? [];
}

function failure(path: string, problem: string): ReplicationError {
  return malformed(FORMAT, path, problem);
}
