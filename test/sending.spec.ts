import { afterEach, expect, it } from 'vitest';
import { Scope } from './support/processes.ts';
import { RouterInProcess, type ShardRequest } from './support/router-in-process.ts';

const scope = new Scope();
afterEach(() => scope.release());

it('sends a request that waits for its repetition once, with its content, where its key moves meanwhile', async () => {
  const router = await RouterInProcess.start(scope, { route: { retries: { attempts: 9, idempotent: true } } });
  const [, old] = router.shards;
  old.answer = ({ stream }) => {
    stream.respond({ ':status': 503 });
    stream.end();
  };
  const call = router.call('moves/a', 'PUT', 'the value');
  // Its fifth repetition comes 200 ms after the fourth.
  await router.came(1, 5);
  await router.reach('hold');
  const [next] = router.shards;
  // The new owner takes its time, while another request is repeated until the timer of the first would be long over.
  const busy: ShardRequest[] = [];
  next.answer = (request) => {
    const { key, stream, content } = request;
    if (key === 'moves/a') busy.push(request);
    else {
      stream.respond({ ':status': next.requests.length < 8 ? 503 : 200 });
      stream.end(content);
    }
  };
  const later = router.call('stays/a', 'PUT', 'another');
  router.commit();
  expect(await later.over).toBe('200 another');
  for (const { stream, content } of busy) {
    stream.respond({ ':status': 200 });
    stream.end(content);
  }
  expect(await call.over).toBe('200 the value');
  expect(busy.map(({ content }) => content)).toEqual(['the value']);
});
