/**
 * Writes src/proxy/redis/commands/server-commands.json: what servers say of their own commands (COMMAND), so that the router finds keys
 * where they do.
 *
 *     node test/redis/server-commands.ts --server redis-server --server PATH/valkey-server [--ioredis PATH/commands.json] [--kvrocks CHECKOUT]
 *
 * Servers are asked one after the other, and a later one's word replaces an earlier one's. `@ioredis/commands` adds commands of Redis
 * versions that are in no package; Kvrocks, which is in none either, is read from its sources.
 */
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { KeyRange, ServerCommand } from '../../src/proxy/redis/commands/server-command.ts';
import { decodeReply, encodeCommand, type Reply, ReplyReader, textOf } from '../../src/resp/index.ts';
import { Scope } from '../support/processes.ts';
import { startRedis } from './redis-server.ts';

const SERVER_COMMANDS = fileURLToPath(new URL('../../src/proxy/redis/commands/server-commands.json', import.meta.url));

type Table = Map<string, ServerCommand>;

/** What a running server says. @param server its name and version, as the table shows them */
export async function commandsOf(port: number, server: string): Promise<ServerCommand[]> {
  return items(await ask(port, ['COMMAND'])).flatMap((entry) => described(entry, server));
}

/** The reply of a server to one command. */
export async function ask(port: number, words: readonly string[]): Promise<Reply> {
  const socket = connect(port, '127.0.0.1');
  const parts: Buffer[] = [];
  let isOver = false;
  const reader = new ReplyReader({
    onReply: (bytes, start, end) => {
      parts.push(Buffer.from(bytes.subarray(start, end)));
      isOver = true;
    },
    onReplyPart: (bytes, start, end, _type, isLast) => {
      parts.push(Buffer.from(bytes.subarray(start, end)));
      isOver = isLast;
    },
    onFault: ({ message }) => socket.destroy(new Error(message)),
  });
  socket.write(encodeCommand(words));
  while (!isOver) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    reader.receive(chunk, 0, chunk.length);
  }
  socket.destroy();
  const whole = Buffer.concat(parts);
  return decodeReply(whole, 0, whole.length);
}

export function items(reply: Reply | undefined): readonly Reply[] {
  return reply !== undefined && 'items' in reply ? reply.items : [];
}

function described(entry: Reply, server: string): ServerCommand[] {
  const [name, arity, flags, , , , categories, , specs, subcommands] = items(entry);
  const command: ServerCommand = {
    name: textOf(name as Reply) ?? '',
    arity: numberOf(arity),
    flags: texts(flags),
    categories: texts(categories).map((each) => each.replace(/^@/, '')),
    keys: items(specs).flatMap(rangeOf),
    in: [server],
  };
  return [command, ...items(subcommands).flatMap((each) => described(each, server))];
}

function rangeOf(spec: Reply): KeyRange[] {
  const fields = fieldsOf(spec);
  const begin = fieldsOf(fields.get('begin_search'));
  const find = fieldsOf(fields.get('find_keys'));
  const where = fieldsOf(begin.get('spec'));
  const which = fieldsOf(find.get('spec'));
  const kind = textOf(begin.get('type') as Reply);
  // Where they stand depends on what other arguments mean: the router has code for those.
  if (kind === 'unknown') return [];
  const start =
    kind === 'index'
      ? { at: numberOf(where.get('index')) }
      : { behind: (textOf(where.get('keyword') as Reply) ?? '').toLowerCase(), from: numberOf(where.get('startfrom')) };
  const isChannel = texts(fields.get('flags')).includes('not_key') ? { channel: true } : {};
  const step = numberOf(which.get('keystep'));
  if (textOf(find.get('type') as Reply) === 'keynum')
    return [{ ...start, count: numberOf(which.get('keynumidx')), first: numberOf(which.get('firstkey')), step }];
  const limit = numberOf(which.get('limit'));
  return [{ ...start, last: numberOf(which.get('lastkey')), step, ...(limit > 0 ? { limit } : {}), ...isChannel }];
}

/** A map, which RESP2 has as keys and values in turn. */
export function fieldsOf(reply: Reply | undefined): ReadonlyMap<string, Reply> {
  const parts = items(reply);
  return new Map(
    parts.flatMap((part, at) => (at % 2 === 0 ? [[textOf(part) ?? '', parts[at + 1] as Reply] as const] : [])),
  );
}

export function texts(reply: Reply | undefined): string[] {
  return items(reply).map((each) => textOf(each) ?? '');
}

function numberOf(reply: Reply | undefined): number {
  return reply?.type === 'integer' ? Number(reply.value) : 0;
}

function rangeFrom(first: number, last: number, step: number): KeyRange[] {
  return first === 0 ? [] : [{ at: first, last: last < 0 ? last : last - first, step }];
}

interface IoredisCommand {
  readonly arity: number;
  readonly flags: readonly string[];
  readonly keyStart: number;
  readonly keyStop: number;
  readonly step: number;
  readonly subcommands?: Readonly<Record<string, IoredisCommand>>;
}

/** Commands whose keys a number counts, which this list does not say: it stands behind the name. */
const COUNTED = ['sdiffcard', 'sunioncard'];

function ioredisCommands(file: string): ServerCommand[] {
  const all = JSON.parse(readFileSync(file, 'utf8')) as Record<string, IoredisCommand>;
  const row = (name: string, { arity, flags, keyStart, keyStop, step }: IoredisCommand): ServerCommand => ({
    name,
    arity,
    flags,
    categories: flags.includes('write') ? ['write'] : flags.includes('readonly') ? ['read'] : [],
    keys: COUNTED.includes(name) ? [{ at: 1, count: 0, first: 1, step: 1 }] : rangeFrom(keyStart, keyStop, step),
    in: ['Redis 8'],
  });
  return Object.entries(all).flatMap(([name, command]) => [
    row(name, command),
    ...Object.entries(command.subcommands ?? {}).map(([each, sub]) => row(`${name}|${each}`, sub)),
  ]);
}

const KVROCKS_FLAGS: Readonly<Record<string, string>> = {
  'read-only': 'readonly',
  write: 'write',
  'no-script': 'noscript',
  'pub-sub': 'pubsub',
  exclusive: 'exclusive',
};

function kvrocksCommands(checkout: string): ServerCommand[] {
  const folder = join(checkout, 'src/commands');
  const sources = readdirSync(folder).filter((file) => file.startsWith('cmd_'));
  const text = sources.map((file) => readFileSync(join(folder, file), 'utf8')).join('\n');
  const attributes = /MakeCmdAttr<[^>]*>\(\s*"([^"]+)",\s*(-?\d+),\s*"([^"]*)",\s*(?:(-?\d+),\s*(-?\d+),\s*(-?\d+))?/g;
  return [...text.matchAll(attributes)].map(([, name = '', arity, words = '', first, last, step]) => {
    const flags = words.split(' ').flatMap((word) => KVROCKS_FLAGS[word] ?? []);
    return {
      name,
      arity: Number(arity),
      flags,
      categories: flags.includes('write') ? ['write'] : flags.includes('readonly') ? ['read'] : [],
      keys: rangeFrom(Number(first ?? 0), Number(last ?? 0), Number(step ?? 1)),
      in: ['Kvrocks'],
    };
  });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      server: { type: 'string', multiple: true, default: [] },
      ioredis: { type: 'string' },
      kvrocks: { type: 'string' },
    },
  });
  const table: Table = new Map();
  const scope = new Scope();
  try {
    for (const program of values.server) {
      const { port } = await startRedis(scope, { program });
      const server = versionIn(textOf(await ask(port, ['INFO', 'server'])) ?? '');
      for (const command of await commandsOf(port, server)) add(table, command, true);
    }
  } finally {
    await scope.release();
  }
  const others = [
    ...(values.ioredis === undefined ? [] : ioredisCommands(values.ioredis)),
    ...(values.kvrocks === undefined ? [] : kvrocksCommands(values.kvrocks)),
  ];
  for (const command of others) add(table, command, false);
  const rows = [...table.values()].sort((a, b) => (a.name < b.name ? -1 : 1)).map((row) => JSON.stringify(row));
  writeFileSync(SERVER_COMMANDS, `[\n${rows.join(',\n')}\n]\n`);
}

function add(table: Table, command: ServerCommand, isBetter: boolean): void {
  const known = table.get(command.name);
  const all = [...(known?.in ?? []), ...command.in];
  table.set(command.name, { ...(known === undefined || isBetter ? command : known), in: all });
}

function versionIn(info: string): string {
  const valkey = /^valkey_version:(\d+\.\d+)/m.exec(info)?.[1];
  return valkey === undefined ? `Redis ${/^redis_version:(\d+\.\d+)/m.exec(info)?.[1]}` : `Valkey ${valkey}`;
}

if (import.meta.main) await main();
