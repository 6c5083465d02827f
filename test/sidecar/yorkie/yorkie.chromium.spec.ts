import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { afterEach, expect, it, vi } from 'vitest';
import { servePage, startBrowser } from '../../support/browser.ts';
import { Scope } from '../../support/processes.ts';
import { PATIENCE } from '../../support/registries.ts';
import { yorkieDescriptorSet } from '../../support/yorkie-service.ts';
import { Sidecars } from '../sidecars.ts';
import { DocumentServer, SharedDatabase } from './document-server.ts';
import type { EditorPage } from './page.ts';

const scope = new Scope();
afterEach(() => scope.release());

/** A browser has six connections to a server over HTTP/1.1: a watch takes one, and edits need some. */
const DOCUMENTS = ['d0', 'd1', 'd2', 'd3'];
const PAGES = ['p0', 'p1', 'p2'];
const WATCH = '/yorkie.v1.YorkieService/WatchDocument';
const CORS = {
  allowOrigins: [{ regex: '^http://127[.]0[.]0[.]1:' }],
  allowMethods: ['POST'],
  allowHeaders: ['x-shard-key', 'content-type', 'connect-protocol-version'],
  maxAge: '10m',
};

/** Calls what a page has for tests. */
function call<Name extends keyof EditorPage>(
  page: Page,
  name: Name,
  ...args: Parameters<EditorPage[Name]>
): Promise<Awaited<ReturnType<EditorPage[Name]>>> {
  return page.evaluate(
    ([method, given]) =>
      (globalThis as unknown as Record<string, (...all: readonly unknown[]) => never>)[method as string]?.(
        ...(given as []),
      ) as never,
    [name, args] as const,
  );
}

it('loses no edit and leaves no watch behind while a shard joins and leaves', async () => {
  const sidecars = await Sidecars.start(scope, 0);
  const database = new SharedDatabase();
  const servers = [await DocumentServer.start(scope, database), await DocumentServer.start(scope, database)];
  for (const [i, { port }] of servers.entries()) {
    const hook = ['--on-keys-leave', `http://127.0.0.1:${port}/keys-leave`];
    await sidecars.add(`s${i}`, `127.0.0.1:${port}`, [...hook, '--watch', WATCH]);
  }
  await sidecars.apply(1);
  const route = { match: { prefix: '/' }, cluster: 'docs', watch: [WATCH], onMove: { how: 'end' }, cors: CORS };
  const router = await sidecars.router({ routes: [route] });
  const [url, browser] = [
    await servePage(scope, fileURLToPath(new URL('page.ts', import.meta.url))),
    await startBrowser(scope),
  ];
  const pages = await Promise.all(
    PAGES.map(async (name) => {
      const page = await (await browser.newContext()).newPage();
      await page.goto(url);
      const descriptorSet = [...yorkieDescriptorSet()];
      await call(page, 'start', { baseUrl: `http://${router.endpoint}`, name, documents: DOCUMENTS, descriptorSet });
      return page;
    }),
  );
  let wanted = 0;
  for (const shards of [2, 1, 2]) {
    wanted += 10;
    for (const page of pages)
      await vi.waitFor(async () => expect(await call(page, 'acknowledged')).toBeGreaterThan(wanted), PATIENCE);
    await sidecars.apply(shards);
  }
  await Promise.all(pages.map((page) => call(page, 'stopEditing')));
  const stored = DOCUMENTS.map((document) => database.documents.get(document) ?? []);
  const results = (
    await Promise.all(
      pages.map((page) =>
        call(
          page,
          'finish',
          stored.map(({ length }) => length),
          PAGES.length - 1,
        ),
      ),
    )
  ).flat();
  for (const [i, changes] of stored.entries()) {
    const ofDocument = results.filter(({ document }) => document === DOCUMENTS[i]);
    expect(ofDocument.flatMap(({ failures }) => failures)).toEqual([]);
    expect([...changes].sort()).toEqual(ofDocument.flatMap(({ acknowledged }) => acknowledged).sort());
    expect(ofDocument.map(({ seen }) => seen)).toEqual(PAGES.map(() => changes.length));
    // Everybody sees all others.
    for (const { name, company } of ofDocument)
      expect([...company].sort()).toEqual(PAGES.filter((page) => page !== name));
  }
  const movers = DOCUMENTS.filter((document) => sidecars.ownerOf(document, 2) === 's1');
  expect(movers.length).toBeGreaterThan(0);
  // A watch of a key that moves ended with each change, and the others went on.
  for (const { document, watches } of results)
    expect([document, watches > 1]).toEqual([document, movers.includes(document)]);
  await Promise.all(pages.map((page) => call(page, 'leave')));
  await vi.waitFor(() => expect(servers.flatMap(({ watched }) => watched)).toEqual([]), PATIENCE);
});
