import { Buffer } from 'node:buffer';
import {
  arrayReply,
  bulkReply,
  integerReply,
  nullReply,
  OK,
  type Protocol,
  simpleReply,
} from '../../../src/resp/index.ts';
import type { DataLog, Value } from './data-log.ts';
import { KvrocksError } from './kvrocks-error.ts';

/** A command for keys. */
export interface DataCommand {
  readonly isWrite: boolean;
  /** Which of its arguments are keys. */
  readonly keys: 'none' | 'first' | 'all';
  readonly leastArguments: number;
  /** @param args each byte as a character. @throws KvrocksError */
  readonly run: (args: readonly string[], context: DataContext) => Uint8Array;
}

export interface DataContext {
  readonly data: DataLog;
  readonly protocol: Protocol;
  /** Since 1970. */
  readonly nowMs: number;
}

const NOT_INTEGER = 'value is not an integer or out of range';

function integer(text: string): number {
  if (!/^-?\d{1,15}$/.test(text)) throw new KvrocksError(NOT_INTEGER);
  return Number(text);
}

function bulk(text: string): Uint8Array {
  return bulkReply(Buffer.from(text, 'latin1'));
}

/** SET key value [EX s|PX ms|EXAT s|PXAT ms] [NX|XX]. */
function set([key = '', text = '', ...options]: readonly string[], { data, protocol, nowMs }: DataContext): Uint8Array {
  let expiresAtMs: number | null = null;
  for (let i = 0; i < options.length; i++) {
    const option = options[i]?.toUpperCase() ?? '';
    if (option === 'NX' || option === 'XX') {
      if ((data.get(key) === null) !== (option === 'NX')) return nullReply(protocol);
      continue;
    }
    const value = options[++i];
    if (value === undefined || !['EX', 'PX', 'EXAT', 'PXAT'].includes(option)) throw new KvrocksError('syntax error');
    const ms = integer(value) * (option.startsWith('EX') ? 1000 : 1);
    if (ms <= 0) throw new KvrocksError('invalid expire time');
    expiresAtMs = option.endsWith('AT') ? ms : nowMs + ms;
  }
  data.write({ kind: 'set', key, value: { text, expiresAtMs } });
  return OK;
}

function increment(data: DataLog, key: string, by: number): Uint8Array {
  const before = data.get(key);
  const after = integer(before?.text ?? '0') + by;
  data.write({ kind: 'set', key, value: { text: String(after), expiresAtMs: before?.expiresAtMs ?? null } });
  return integerReply(after);
}

function expire(data: DataLog, key: string, expiresAtMs: number): Uint8Array {
  const before = data.get(key);
  if (before === null) return integerReply(0);
  data.write({ kind: 'set', key, value: { ...before, expiresAtMs } });
  return integerReply(1);
}

/** @returns -2: the key is not there; -1: it stays */
function leftOf(value: Value | null, nowMs: number, unitMs: number): Uint8Array {
  if (value === null) return integerReply(-2);
  return integerReply(value.expiresAtMs === null ? -1 : Math.round((value.expiresAtMs - nowMs) / unitMs));
}

function remove(keys: readonly string[], data: DataLog): Uint8Array {
  const there = keys.filter((key) => data.get(key) !== null);
  for (const key of there) data.write({ kind: 'delete', key });
  return integerReply(there.length);
}

/** SCAN cursor [COUNT n]. */
function scan([cursor = '0', ...options]: readonly string[], { data }: DataContext): Uint8Array {
  const at = options.findIndex((option) => option.toUpperCase() === 'COUNT');
  const count = at < 0 ? 10 : integer(options[at + 1] ?? '');
  const first = integer(cursor);
  const keys = data.keys();
  const end = first + count;
  return arrayReply([
    bulk(end < keys.length ? String(end) : '0'),
    arrayReply(keys.slice(first, end).map((key) => bulk(key))),
  ]);
}

function reading(run: DataCommand['run'], keys: DataCommand['keys'] = 'first', leastArguments = 1): DataCommand {
  return { isWrite: false, keys, leastArguments, run };
}

function writing(run: DataCommand['run'], leastArguments: number, keys: DataCommand['keys'] = 'first'): DataCommand {
  return { isWrite: true, keys, leastArguments, run };
}

const first = (args: readonly string[], i = 0): string => args[i] ?? '';

/** As many commands of Kvrocks for keys as tests of a cluster need. */
export const dataCommands: Readonly<Record<string, DataCommand>> = {
  get: reading((args, { data, protocol }) => {
    const value = data.get(first(args));
    return value === null ? nullReply(protocol) : bulk(value.text);
  }),
  set: writing(set, 2),
  del: writing((args, { data }) => remove(args, data), 1, 'all'),
  unlink: writing((args, { data }) => remove(args, data), 1, 'all'),
  exists: reading((args, { data }) => integerReply(args.filter((key) => data.get(key) !== null).length), 'all'),
  incr: writing((args, { data }) => increment(data, first(args), 1), 1),
  incrby: writing((args, { data }) => increment(data, first(args), integer(first(args, 1))), 2),
  expire: writing((args, { data, nowMs }) => expire(data, first(args), nowMs + 1000 * integer(first(args, 1))), 2),
  pexpire: writing((args, { data, nowMs }) => expire(data, first(args), nowMs + integer(first(args, 1))), 2),
  ttl: reading((args, { data, nowMs }) => leftOf(data.get(first(args)), nowMs, 1000)),
  pttl: reading((args, { data, nowMs }) => leftOf(data.get(first(args)), nowMs, 1)),
  dbsize: reading((_, { data }) => integerReply(data.keys().length), 'none', 0),
  scan: reading(scan, 'none', 1),
  flushall: writing((_, { data }) => flush(data), 0, 'none'),
  flushdb: writing((_, { data }) => flush(data), 0, 'none'),
  ping: reading((args) => (args[0] === undefined ? simpleReply('PONG') : bulk(args[0])), 'none', 0),
};

function flush(data: DataLog): Uint8Array {
  data.write({ kind: 'clear', range: [0, 16383] });
  return OK;
}
