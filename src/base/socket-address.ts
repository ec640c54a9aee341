// SPDX-License-Identifier: GPL-2.0-or-later
// Unix socket names hold 107 bytes; homes may lie deeper than that.
import { closeSync, openSync } from 'node:fs';
import { basename, dirname } from 'node:path';

/** sun_path of Linux without its final NUL. */
const SOCKET_NAME_MAX = 107;

export interface SocketAddress {
  readonly path: string;
  /** Call when the socket is bound or connected. */
  release(): void;
}

/** A name for the socket at this path that is short enough for bind and connect. */
export function socketAddress(path: string): SocketAddress {
  if (Buffer.byteLength(path) <= SOCKET_NAME_MAX) {
    return { path, release: () => undefined };
  }
  const folder = openSync(dirname(path), 'r');
  return {
    path: `/proc/self/fd/${folder}/${basename(path)}`,
    release: () => closeSync(folder),
  };
}
