import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { circles, readImports } from './imports.ts';
import { type Room, rooms } from './rooms.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SOURCES = join(ROOT, 'src');

/** Of a source: most have far fewer. Whatever has more is about two things, and is two files. */
const MAX_LINES = 400;

const imports = readImports(SOURCES);

/** The innermost folder of the table that a file is in; the files of `src/` itself are the room `.`. */
function roomOf(file: string): Room | undefined {
  const inside = rooms.filter(({ folder }) => (folder === '.' ? !file.includes('/') : file.startsWith(`${folder}/`)));
  return inside.sort((a, b) => b.folder.length - a.folder.length)[0];
}

it('gives every source a room', () => {
  expect([...imports.keys()].filter((file) => roomOf(file) === undefined)).toEqual([]);
  expect(rooms.map(({ folder }) => folder).filter((folder) => !existsSync(join(SOURCES, folder)))).toEqual([]);
});

it('has rooms import only what the table lets them, types included', () => {
  const refused = [...imports].flatMap(([from, tos]) => {
    const room = roomOf(from) as Room;
    const isRefused = (to: string): boolean => {
      const other = roomOf(to)?.folder;
      return other !== room.folder && !room.mayImport.includes(other ?? '');
    };
    return tos.filter(isRefused).map((to) => `${from} imports ${to}`);
  });
  expect(refused).toEqual([]);
});

it('has rooms enter others by their doors, where they have one', () => {
  const through = [...imports].flatMap(([from, tos]) =>
    tos
      .filter((to) => {
        const room = roomOf(to) as Room;
        const hasDoor = room.folder !== '.' && existsSync(join(SOURCES, room.folder, 'index.ts'));
        return roomOf(from) !== room && hasDoor && !to.endsWith('/index.ts');
      })
      .map((to) => `${from} imports ${to}`),
  );
  expect(through).toEqual([]);
});

it('points one way: a room imports only rooms that stand above it in the table', () => {
  const seen = new Set<string>();
  for (const { folder, mayImport } of rooms) {
    expect([folder, mayImport.filter((other) => !seen.has(other))]).toEqual([folder, []]);
    seen.add(folder);
  }
});

it('lets a room import nothing that it does not', () => {
  const unused = rooms.flatMap(({ folder, mayImport }) => {
    const used = new Set(
      [...imports]
        .filter(([from]) => roomOf(from)?.folder === folder)
        .flatMap(([, tos]) => tos.map((to) => roomOf(to)?.folder)),
    );
    return mayImport.filter((other) => !used.has(other)).map((other) => `${folder} does not import ${other}`);
  });
  expect(unused).toEqual([]);
});

it('has no files that import each other in a circle, types included', () => {
  expect(circles(imports)).toEqual([]);
});

it('has no source that is too long to be about one thing', () => {
  const lengths = [...imports.keys()].map((file) => [
    file,
    readFileSync(join(SOURCES, file), 'utf8').split('\n').length - 1,
  ]);
  expect(lengths.filter(([, lines]) => (lines as number) > MAX_LINES)).toEqual([]);
});

it('uses the randomness that it is given: only what begins a process or a thread takes it from the machine', () => {
  const machine = 'runtime/machine-clock.ts';
  const begins = /^(?:app|cli)\/|^index\.ts$|-worker\.ts$/;
  const takes = [...imports].flatMap(([file, tos]) =>
    file !== machine && (tos.includes(machine) || readFileSync(join(SOURCES, file), 'utf8').includes('Math.random'))
      ? [file]
      : [],
  );
  expect(takes.filter((file) => !begins.test(file))).toEqual([]);
  expect(takes).toEqual(expect.arrayContaining(['index.ts', 'control/control-worker.ts']));
});

it('finds a circle of three, and none where two paths lead to one file', () => {
  expect(
    circles(
      new Map([
        ['a', ['b', 'd']],
        ['b', ['c']],
        ['c', ['a', 'd']],
        ['d', []],
      ]),
    ),
  ).toEqual([['a', 'b', 'c']]);
});

it('is what ARCHITECTURE.md shows', () => {
  const rows = rooms.map(
    ({ folder, what, mayImport }) =>
      `| \`src/${folder === '.' ? '' : `${folder}/`}\` | ${what} | ${mayImport.join(', ') || 'nothing of ours'} |`,
  );
  const table = ['| folder | what it is | may import |', '| --- | --- | --- |', ...rows].join('\n');
  const shown = readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8').match(
    /\| folder \| what it is \| may import \|\n(?:\|.*\n)*/,
  )?.[0];
  expect(shown?.trim(), `the table, to be put there:\n${table}`).toBe(table);
});
