import { afterEach, expect, it, vi } from 'vitest';
import { Scope } from '../../test/support/processes.ts';
import { PATIENCE } from '../../test/support/registries.ts';
import { text } from './answer.ts';
import { GuardedServer } from './guarded-server.ts';

const scope = new Scope();
afterEach(() => scope.release());

it('answers those that read while all that may change something wait, and tells who waits that its asker has gone', async () => {
  const waiting = new Set<AbortSignal>();
  const answerer = {
    bearsToken: () => false,
    methods: () => ['GET', 'POST'] as const,
    answer: async ({ method, gone }: { readonly method: string; readonly gone: AbortSignal }) => {
      if (method === 'GET') return text(200, 'ok');
      waiting.add(gone);
      await new Promise((end) => gone.addEventListener('abort', end));
      waiting.delete(gone);
      return text(200, 'nobody reads it');
    },
  };
  const server = new GuardedServer(answerer, []);
  scope.defer(() => server.close());
  const url = `http://127.0.0.1:${await server.listen('127.0.0.1', 0)}/`;
  const leaving = new AbortController();
  const asked = Array.from({ length: 16 }, () =>
    fetch(url, { method: 'POST', signal: leaving.signal }).catch(() => {}),
  );
  await vi.waitFor(() => expect(waiting.size).toBe(16), PATIENCE);
  expect((await fetch(url, { method: 'POST' })).status).toBe(503);
  expect((await fetch(url)).status).toBe(200);
  leaving.abort();
  await Promise.all(asked);
  await vi.waitFor(() => expect(waiting.size).toBe(0), PATIENCE);
});
