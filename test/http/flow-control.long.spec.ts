import { afterEach, expect, it } from 'vitest';
import { residentBytes } from '../../bench/support/process-cost.ts';
import { Scope } from '../support/processes.ts';
import { drain, newSession, pour, startStreaming } from '../support/streaming.ts';

const scope = new Scope();
afterEach(() => scope.release());

const MEBIBYTE = 2 ** 20;

it('carries a gigabyte each way through one stream, with its memory flat', async () => {
  const router = await startStreaming(scope, (stream) => {
    stream.respond({ ':status': 200 });
    stream.pipe(stream);
  });
  const request = newSession(scope, router).request({ ':method': 'POST', ':path': '/', 'x-shard-key': 'k' });
  const size = 1024 * MEBIBYTE;
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, residentBytes(router.process.pid));
  }, 50);
  const [, received] = await Promise.all([pour(request, size), drain(request)]);
  clearInterval(watch);
  expect(received).toBe(size);
  expect(most).toBeLessThan(250 * MEBIBYTE);
}, 240_000);
