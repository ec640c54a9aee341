// SPDX-License-Identifier: GPL-2.0-or-later
// Source trees for tests: bulk that does not compress, and one of everything a file system has.
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, symlink, utimes, writeFile, chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../scripts/lab/run.ts';

const MEGABYTE = 1_000_000;

/** Files of incompressible bytes, the last one shorter. */
export async function makeBulk(folder: string, bytes: number, fileBytes: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (let offset = 0, index = 0; offset < bytes; offset += fileBytes, index++) {
    const file = await open(join(folder, `bulk-${index}`), 'w');
    try {
      let left = Math.min(fileBytes, bytes - offset);
      while (left > 0) {
        const size = Math.min(left, MEGABYTE);
        await file.write(randomBytes(size));
        left -= size;
      }
    } finally {
      await file.close();
    }
  }
}

/** Text that must be found nowhere but in sources and replicas. */
export const SECRET_TEXT = 'a sentence that nobody else may read '.repeat(40);
export const SECRET_NAME = 'a-name-that-nobody-else-may-read';

/** One of everything: names, types, modes, times, links, holes, attributes. */
export async function makeOddities(folder: string): Promise<void> {
  await mkdir(join(folder, 'empty folder'), { recursive: true });
  await mkdir(join(folder, 'deep/er/and/deeper'), { recursive: true });
  await writeFile(join(folder, 'empty file'), '');
  await writeFile(join(folder, SECRET_NAME), SECRET_TEXT);
  await writeFile(
    Buffer.concat([Buffer.from(join(folder, 'not utf-8 ')), Buffer.from([0xff, 0xfe])]),
    'x',
  );
  await writeFile(join(folder, 'line\nbreak \\ "quote" *'), 'odd');
  await writeFile(join(folder, '-starts-with-a-dash'), 'odd');
  await writeFile(join(folder, 'deep/er/and/deeper/file'), 'deep');
  await writeFile(join(folder, 'linked'), 'one content, two names');
  await link(join(folder, 'linked'), join(folder, 'deep/also linked'));
  await symlink('../nowhere', join(folder, 'dangling'));
  await symlink('linked', join(folder, 'soft link'));
  const sparse = await open(join(folder, 'sparse'), 'w');
  await sparse.write(Buffer.from('end of a hole'), 0, 13, 50 * MEGABYTE);
  await sparse.close();
  await writeFile(join(folder, 'script'), '#!/bin/sh\n');
  await chmod(join(folder, 'script'), 0o4751);
  await chmod(join(folder, 'empty folder'), 0o1777);
  await writeFile(join(folder, 'attributes'), 'x');
  await run(['setfattr', '-n', 'user.colour', '-v', 'blue', join(folder, 'attributes')]);
  await run(['chown', '-h', '1234:4321', join(folder, 'script'), join(folder, 'dangling')]);
  await chmod(join(folder, 'script'), 0o4751);
  await utimes(join(folder, 'linked'), 1, 981_173_106.123456);
  await utimes(join(folder, 'deep'), 1, -86_400);
}
