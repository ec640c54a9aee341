// SPDX-License-Identifier: GPL-2.0-or-later
// What a request may be answered with: its own operation, EC_OP_NOOP (done), or EC_OP_FAILED with a
// text. The control surface begins that text with a code and a colon.
import { ReplicationError } from '../base/errors.ts';
import { EC_OP, opcodeName } from './opcodes.ts';
import { TagView } from './tag-view.ts';
import type { EcPacket } from './tag.ts';
import { EC_TAG } from './tags.ts';

/**
 * Why the control surface refused, ERR_CORE_REFUSED's details.reason; OTHER for aMule's own texts.
 */
export const REFUSALS = [
  'NOT_FOUND',
  'EXISTS',
  'INVALID',
  'UNTRUSTED',
  'DENIED',
  'IO',
  'STATE',
  'OTHER',
] as const;
export type Refusal = (typeof REFUSALS)[number];

/**
 * The tags of an answer that must have this operation. Throws ERR_CORE_REFUSED for EC_OP_FAILED and
 * ERR_EC_MALFORMED for any other.
 */
export function expectReply(request: EcPacket, answer: EcPacket, opcode: number): TagView {
  const view = TagView.of(answer);
  if (answer.opcode === opcode) return view;
  if (answer.opcode === EC_OP.FAILED) {
    const text = view.find(EC_TAG.STRING)?.text() ?? 'no reason given';
    throw new ReplicationError(
      'ERR_CORE_REFUSED',
      `the core refused ${opcodeName(request.opcode)}: ${text}`,
      { operation: opcodeName(request.opcode), reason: refusalOf(text) },
    );
  }
  throw new ReplicationError(
    'ERR_EC_MALFORMED',
    `EC: ${opcodeName(answer.opcode)} answers ${opcodeName(request.opcode)}`,
  );
}

function refusalOf(text: string): Refusal {
  const word = text.slice(0, text.indexOf(':'));
  return REFUSALS.find((refusal) => refusal === word) ?? 'OTHER';
}
