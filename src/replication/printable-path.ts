// SPDX-License-Identifier: GPL-2.0-or-later
// Paths are raw bytes; this is how people and JSON see them.

/** UTF-8 text; bytes that are not printable UTF-8, and the backslash, appear as \xHH. */
export function printablePath(path: Buffer): string {
  const text = path.toString('utf8');
  if (/^[^\\\p{C}\ufffd]*$/u.test(text)) return text;
  let printable = '';
  for (let index = 0; index < path.length;) {
    const character = characterAt(path, index);
    if (character === undefined) {
      printable += `\\x${path.subarray(index, index + 1).toString('hex')}`;
      index += 1;
    } else {
      printable += character;
      index += Buffer.byteLength(character);
    }
  }
  return printable;
}

/** The printable character that starts there. */
function characterAt(path: Buffer, index: number): string | undefined {
  for (let length = 1; length <= 4 && index + length <= path.length; length += 1) {
    const bytes = path.subarray(index, index + length);
    const text = bytes.toString('utf8');
    if (Buffer.from(text).equals(bytes) && /^[^\\\p{C}\ufffd]$/u.test(text)) return text;
  }
  return undefined;
}
