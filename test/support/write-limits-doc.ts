// SPDX-License-Identifier: GPL-2.0-or-later
// Writes docs/limits.md from the comments of src/base/limits.ts:
// `node dist/test/support/write-limits-doc.js`.
import { readFileSync, writeFileSync } from 'node:fs';
import * as limits from '../../src/base/limits.ts';

const SOURCE = new URL('../../../src/base/limits.ts', import.meta.url);
const DOCUMENT = new URL('../../../docs/limits.md', import.meta.url);

const HEAD = `# Limits

Every queue, buffer, count and wait has a bound with a name. Whatever comes from outside is compared
with it before memory is taken for it. The names are the constants of \`src/base/limits.ts\`, from
which this page is made. Sizes are bytes, \`_MS\` are milliseconds. Bounds of formats are part of
[formats.md](formats.md): changing one is a new version of the format.
`;

const values = new Map<string, unknown>(Object.entries(limits));
const lines: string[] = [HEAD];
let reason = '';
for (const line of readFileSync(SOURCE, 'utf8').split('\n')) {
  const section = /^\/\/ --- (.*)$/.exec(line)?.[1];
  const name = /^export const ([A-Z0-9_]+)/.exec(line)?.[1];
  if (section !== undefined) {
    const [title = '', ...rest] = section.split(/(?<=[.:]) /);
    const text = rest.length > 0 ? `${rest.join(' ')}\n\n` : '';
    lines.push(`## ${title.replace(/[.:]$/, '')}\n\n${text}| name | value | reason |\n|-|-|-|`);
  } else if (name !== undefined) {
    const why = reason === '' ? 'With the one above.' : reason;
    lines.push(`| \`${name}\` | ${valueText(values.get(name))} | ${why} |`);
    reason = '';
  } else if (/^\s*(\/\*\*| \*)/.test(line)) {
    const text = line.replace(/^\s*(\/\*\*| \*\/?) ?/, '').replace(/ ?\*\/$/, '');
    reason = line.startsWith('/**') ? text : `${reason} ${text}`.trim();
  }
}

writeFileSync(DOCUMENT, `${lines.join('\n').replaceAll('|\n## ', '|\n\n## ')}\n`);

function valueText(value: unknown): string {
  return typeof value === 'number' ? value.toLocaleString('en-US') : String(value);
}
