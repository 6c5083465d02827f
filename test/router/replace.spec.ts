import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { fetchText, metric, type RouterUnderTest, startRouter } from '../support/cluster.ts';
import { startHttpBackend } from '../support/http-backend.ts';
import { freePorts, type Running, Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';

const scope = new Scope();
afterEach(() => scope.release());

/** Clients that come one after the other, a request each. */
class Newcomers {
  readonly faults: string[] = [];
  answered = 0;
  #isOver = false;
  readonly #all: Promise<unknown>;

  constructor(port: number, atOnce: number) {
    this.#all = Promise.all(Array.from({ length: atOnce }, () => this.#come(port)));
  }

  async #come(port: number): Promise<void> {
    while (!this.#isOver) {
      const fault = await answered(port);
      if (fault === null) this.answered++;
      else this.faults.push(fault);
    }
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#all;
  }
}

/** A connection with one request. @returns what went wrong, or null */
function answered(port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connectSocket(port, '127.0.0.1');
    let text = '';
    socket.on('data', (part: Buffer) => {
      text += part.toString();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on('close', () => resolve(text.startsWith('HTTP/1.1 200') ? null : `answered "${text.slice(0, 40)}"`));
    socket.write('GET /x HTTP/1.1\r\nhost: a\r\nx-shard-key: k\r\nconnection: close\r\n\r\n');
  });
}

function replacing(router: RouterUnderTest): Running {
  return scope.keyway(['router', '--config', router.config, '--replace']);
}

it('takes the place of a router with other workers, and loses no connection that comes meanwhile', async () => {
  const { port } = await startHttpBackend(scope, 'a', 'http2');
  const router = await startRouter(scope, { shards: [port], workers: 2, drainSeconds: 20 });
  const session = connect(`http://${router.endpoint}`);
  scope.defer(() => session.destroy());
  const streaming = session.request({ ':path': '/hang', 'x-shard-key': 'k' });
  await once(streaming, 'response');
  const newcomers = new Newcomers(router.port, 8);
  await vi.waitFor(() => expect(newcomers.answered).toBeGreaterThan(500), PATIENCE);
  writeFileSync(router.config, readFileSync(router.config, 'utf8').replace('workers: 2', 'workers: 3'));
  const goaway = once(session, 'goaway');
  const successor = replacing(router);
  await successor.printed(/listening on/);
  await goaway;
  const before = newcomers.answered;
  await vi.waitFor(() => expect(newcomers.answered).toBeGreaterThan(before + 1000), PATIENCE);
  // A stream that is open is drained by the router that it began with.
  expect(streaming.closed).toBe(false);
  streaming.close();
  expect(await router.process.exit()).toBe(0);
  await newcomers.end();
  expect(newcomers.faults).toEqual([]);
  expect((await fetchText(`${router.admin}/config`)).text).toContain('"workers": 3');
  expect(await metric(router, 'keyway_downstream_connections_total')).toBeGreaterThan(1000);
  // And it can be replaced itself, by one that has fewer.
  writeFileSync(router.config, readFileSync(router.config, 'utf8').replace('workers: 3', 'workers: 1'));
  const more = new Newcomers(router.port, 4);
  const third = replacing(router);
  await third.printed(/listening on/);
  expect(await successor.exit()).toBe(0);
  await more.end();
  expect(more.faults).toEqual([]);
  expect(await third.end('SIGTERM')).toBe(0);
}, 90_000);

it('leaves a router as it is where the one that is to replace it does not come up', async () => {
  const { port } = await startHttpBackend(scope, 'a', 'http2');
  const [taken] = await freePorts(1);
  const router = await startRouter(scope, { shards: [port] });
  const other = scope.keyway(['registry', '--listen', `127.0.0.1:${taken}`, '--data', `${scope.folder()}/r.sqlite`]);
  await other.printed(/registry on/);
  const config = readFileSync(router.config, 'utf8');
  writeFileSync(router.config, config.replace('listen:\n', `listen:\n  - address: 127.0.0.1:${taken}\n`));
  const failed = replacing(router);
  expect(await failed.exit()).toBe(2);
  expect(failed.output).toContain('is in use by another process');
  expect(await answered(router.port)).toBeNull();
  writeFileSync(router.config, config);
  const successor = replacing(router);
  await successor.printed(/listening on/);
  expect(await router.process.exit()).toBe(0);
  expect(await answered(router.port)).toBeNull();
});

it('starts if there is no router to replace, and takes no port that another router has', async () => {
  const { port } = await startHttpBackend(scope, 'a', 'http2');
  const [listen, admin, otherAdmin] = await freePorts(3);
  const config = (adminPort: number | undefined): string =>
    scope.file(
      'keyway.yaml',
      [
        `listen: [{address: 127.0.0.1:${listen}}]`,
        `admin: {address: 127.0.0.1:${adminPort}}`,
        'workers: 2',
        'routes: [{match: {prefix: /}, cluster: docs}]',
        `clusters: {docs: {shards: [{id: s0, address: 127.0.0.1:${port}}]}}`,
      ].join('\n'),
    );
  const first = scope.keyway(['router', '--config', config(admin), '--replace']);
  await first.printed(/listening on/);
  const second = scope.keyway(['router', '--config', config(otherAdmin)]);
  expect(await second.exit()).toBe(2);
  expect(second.output).toContain(`127.0.0.1:${listen} is in use by another process`);
  expect(await answered(listen as number)).toBeNull();
});
