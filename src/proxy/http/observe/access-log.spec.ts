import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { type AccessEntry, AccessLog } from './access-log.ts';

const folder = mkdtempSync(join(tmpdir(), 'keyway-'));
afterAll(() => rmSync(folder, { recursive: true }));

const entry: AccessEntry = {
  client: '127.0.0.1',
  version: '2',
  protocol: 'grpc',
  method: 'GET',
  authority: 'docs.example',
  path: '/a/b',
  route: '/',
  cluster: 'docs',
  shard: 's0',
  key: 'project/document',
  requestId: '',
  status: 200,
  grpcStatus: null,
  refusal: '',
  durationMs: 1.5,
  requestBytes: 0,
  responseBytes: 5,
  retries: 0,
};

/** The line of a request in a log of this format. */
function lineOf(format: string, more: Partial<AccessEntry> = {}): string {
  const path = join(folder, `${Math.random()}.log`);
  const log = new AccessLog({ path, sample: 1, format }, Math.random, () => '2026-01-02T03:04:05.678Z');
  log.write({ ...entry, ...more });
  log.close();
  return readFileSync(path, 'utf8');
}

it('writes values as they are if they cannot be misread', () => {
  expect(lineOf('{time} {client} "{method} {path}" {status} {durationMs}ms {shard} {grpcStatus} {key}')).toBe(
    '2026-01-02T03:04:05.678Z 127.0.0.1 "GET /a/b" 200 1.5ms s0 - project/document\n',
  );
  expect(lineOf('{key}', { key: 'größe/☃' })).toBe('größe/☃\n');
});

it('lets nobody forge a line, a field or a quote, nor steer a terminal', () => {
  const format = '{time} "{method} {path}" {status} {key} {requestId}';
  const parse = /^(\S+) "(\S+) ([^"\s]+)" (\d+) (\S+) (\S+)\n$/;
  const hostile = [
    'x 200 s0',
    'x" 200 "y',
    'x\n2026-01-02T03:04:05.678Z "GET /admin" 200 k -',
    'x\ty\rz\v',
    'a\u2028b\u0085c\u00a0d',
    'back\\slash\\x22',
    '\x1b[2J\x9b31m\u202e',
    '-',
  ];
  for (const field of ['path', 'key', 'requestId'] as const)
    for (const value of hostile) {
      const [, time, method, path, status, key, requestId] = parse.exec(lineOf(format, { [field]: value })) ?? [];
      expect([time, method, status], value).toEqual(['2026-01-02T03:04:05.678Z', 'GET', '200']);
      const found = { path, key, requestId };
      expect(found, value).toEqual({ path: '/a/b', key: 'project/document', requestId: '-', [field]: found[field] });
      // Each value has a text of its own.
      expect(found[field]).not.toBe('-');
      expect(found[field]).not.toMatch(/[\p{Cc}\s"\u202e\u2028]/u);
    }
  expect(lineOf('{key}|{shard}', { key: 'a|b\\' })).toBe('a\\x7cb\\x5c|s0\n');
  expect(lineOf('[{path}] {key}', { path: '/] x' })).toBe('[/\\x5d\\x20x] project/document\n');
});

it('writes JSON without what steers a terminal, and the same values', () => {
  const key = 'a"\\\n\x1b\x9b\u202e\u2028';
  const line = lineOf('json', { key });
  expect(JSON.parse(line)).toMatchObject({ key });
  expect(line.trimEnd()).not.toMatch(/[\p{Cc}\u202e\u2028]/u);
});
