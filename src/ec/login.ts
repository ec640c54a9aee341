// SPDX-License-Identifier: GPL-2.0-or-later
// The salted login of External Connections (ExternalConn.cpp, CECServerSocket::Authenticate).
// It proves to the core that we know the password and nothing more: the connection stays in the
// clear and the core proves nothing. Hence loopback only, or a tunnel. At a control socket the core
// knows the user at the other end from the kernel, and asks for no password.
import { createHash } from 'node:crypto';
import { ReplicationError } from '../base/errors.ts';
import { EC_OP, opcodeName } from './opcodes.ts';
import { TagView } from './tag-view.ts';
import type { EcPacket } from './tag.ts';
import { emptyTag, hashTag, intTag, textTag } from './tag.ts';
import { EC_TAG } from './tags.ts';

/** EC_CURRENT_PROTOCOL_VERSION of aMule 2.3.3. */
const PROTOCOL_VERSION = 0x0204;

export interface LoginInit {
  /** In the clear; undefined for a control socket. */
  readonly password?: string;
  /** What the core writes into its log for this connection. */
  readonly clientName: string;
  readonly clientVersion: string;
  /** The core may pack its replies. */
  readonly zlib: boolean;
  /** Both sides write numbers as UTF-8. */
  readonly utf8Numbers: boolean;
}

/** The form in which amule.conf holds the password: MD5 in lower-case hex. */
export function storedPassword(password: string): string {
  return createHash('md5').update(password, 'utf8').digest('hex');
}

/** Hex of MD5(stored password + hex of MD5 of the salt's text); that text is upper-case hex. */
export function passwordAnswer(password: string, salt: bigint): string {
  const saltText = salt.toString(16).toUpperCase();
  const saltHash = createHash('md5').update(saltText).digest('hex');
  return createHash('md5')
    .update(storedPassword(password) + saltHash)
    .digest('hex');
}

/** Runs the login; the version text of the core. Throws ERR_EC_AUTH_REFUSED. */
export async function login(
  exchange: (request: EcPacket) => Promise<EcPacket>,
  init: LoginInit,
): Promise<string> {
  const hello = await exchange({
    opcode: EC_OP.AUTH_REQ,
    tags: [
      textTag(EC_TAG.CLIENT_NAME, init.clientName),
      textTag(EC_TAG.CLIENT_VERSION, init.clientVersion),
      intTag(EC_TAG.PROTOCOL_VERSION, PROTOCOL_VERSION),
      ...(init.zlib ? [emptyTag(EC_TAG.CAN_ZLIB)] : []),
      ...(init.utf8Numbers ? [emptyTag(EC_TAG.CAN_UTF8_NUMBERS)] : []),
    ],
  });
  if (init.password === undefined) return versionIn(expect(hello, EC_OP.AUTH_OK));
  const salt = expect(hello, EC_OP.AUTH_SALT).need(EC_TAG.PASSWD_SALT).bigint();
  const welcome = await exchange({
    opcode: EC_OP.AUTH_PASSWD,
    tags: [hashTag(EC_TAG.PASSWD_HASH, passwordAnswer(init.password, salt))],
  });
  return versionIn(expect(welcome, EC_OP.AUTH_OK));
}

function versionIn(welcome: TagView): string {
  return welcome.find(EC_TAG.SERVER_VERSION)?.text() ?? '';
}

function expect(reply: EcPacket, opcode: number): TagView {
  const view = TagView.of(reply);
  if (reply.opcode === opcode) return view;
  if (reply.opcode === EC_OP.AUTH_FAIL) {
    const reason = view.find(EC_TAG.STRING)?.text() ?? 'no reason given';
    throw new ReplicationError('ERR_EC_AUTH_REFUSED', `the core refused the login: ${reason}`);
  }
  throw new ReplicationError(
    'ERR_EC_MALFORMED',
    `EC login: ${opcodeName(reply.opcode)} instead of ${opcodeName(opcode)}`,
  );
}
