import { expect, it } from 'vitest';
import { type Field, HeaderBlock } from '../../http/index.ts';
import { CallError } from './call-error.ts';
import { prepareCalls } from './prepare.ts';
import type { PreparedCall } from './prepared-call.ts';
import { callSchema } from './settings.ts';

const SURROUNDINGS = {
  authority: 'there:80',
  scheme: 'http',
  headers: [['x-shard-key', '{{key}}']],
  random: () => 0,
} as const;
const VALUES = { key: 'p/d', project: 'p', document: 'd', seq: 3, line: 'a', revision: 0 };
const reflect = (): Promise<Uint8Array[]> => Promise.reject(new CallError('no reflection'));

async function prepared(settings: object): Promise<PreparedCall> {
  const [call] = await prepareCalls({ it: callSchema.parse(settings) }, SURROUNDINGS, null, reflect);
  return call as PreparedCall;
}

function fields(call: PreparedCall, values: typeof VALUES, place: number): string[] {
  const block = new HeaderBlock();
  call.write(block, values, place);
  return block.fields.slice(0, block.count).map((each) => `${(each as Field).name.text}: ${(each as Field).text}`);
}

it('has pseudo-header fields first, and keeps for a key what depends on it alone', async () => {
  const call = await prepared({ http: 'PUT /n/{{key}}', headers: { 'X-Seq': '{{seq}}' }, data: '{{document}}' });
  expect(fields(call, VALUES, 0)).toEqual([
    ':method: PUT',
    ':scheme: http',
    ':authority: there:80',
    ':path: /n/p/d',
    'user-agent: keyway-load',
    'x-shard-key: p/d',
    'x-seq: 3',
  ]);
  expect(fields(call, { ...VALUES, seq: 4 }, 0)).toContain('x-seq: 4');
  expect(call.message(VALUES, 0, 0)).toBe(call.message(VALUES, 0, 0));
  expect(Buffer.from(call.message({ ...VALUES, document: 'e' }, 1, 0)).toString()).toBe('e');
});

it('says what cannot be sent before anything is sent', async () => {
  await expect(prepared({ connect: 'a.B/C', data: '{"a":' })).rejects.toThrow(/the data of a\.B\/C is not JSON/);
  await expect(prepared({ connect: 'a.B/C', data: ['{}', '{}'] })).rejects.toThrow(/set streams: true/);
  await expect(prepared({ grpc: 'a.B/C' })).rejects.toThrow('no reflection');
  expect(callSchema.safeParse({ http: 'GET /', grpc: 'a.B/C' }).error?.issues[0]?.message).toMatch(/exactly one of/);
  expect(callSchema.safeParse({ grpc: 'C' }).error?.issues[0]?.message).toBe('write package.Service/Method');
});
