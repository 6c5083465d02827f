import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { encodeCommand } from '../../../resp/index.ts';
import { ScriptCache, ScriptCaches } from './script-cache.ts';

const evalsha = (script: string): Uint8Array =>
  encodeCommand(['EVALSHA', createHash('sha1').update(script).digest('hex'), '0']);

it('knows the newest scripts, and counts more for each than its bytes', () => {
  const scripts = new ScriptCache();
  const script = (i: number): string => String(i).padEnd(1024);
  // By their bytes alone all would be kept.
  for (let i = 0; i < 15_000; i++) scripts.add(Buffer.from(script(i)));
  expect(scripts.loading(evalsha(script(14_999)))).toEqual(encodeCommand(['SCRIPT', 'LOAD', script(14_999)]));
  expect(scripts.loading(evalsha(script(2000)))).not.toBe(null);
  expect(scripts.loading(evalsha(script(1000)))).toBe(null);
});

it('finds no script for what is not one command', () => {
  const scripts = new ScriptCache();
  scripts.add(Buffer.from('return 1'));
  const several = Buffer.concat([encodeCommand(['MULTI']), evalsha('return 1'), encodeCommand(['EXEC'])]);
  expect(scripts.loading(several)).toBe(null);
});

it('keeps the scripts of one cluster from those of another', () => {
  const caches = new ScriptCaches();
  caches.of('a').add(Buffer.from('return 1'));
  caches.of('b').clear();
  expect(caches.of('a').loading(evalsha('return 1'))).not.toBe(null);
  expect(caches.of('b').loading(evalsha('return 1'))).toBe(null);
});
