/**
 * Every client that a browser, a service or a mesh sends, against backends that speak what Yorkie's servers speak. The
 * table in docs/clients.md is what this test found; `UPDATE_DOCS=1 npm run conformance -- clients` writes it anew.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { serveBothVersions } from '../support/both-versions.ts';
import { servePage, startBrowser } from '../support/browser.ts';
import { TestAuthority } from '../support/certificates.ts';
import { type RouterUnderTest, startRouter } from '../support/cluster.ts';
import { Scope } from '../support/processes.ts';
import {
  startGrpcOnlyBackend,
  startYorkieBackend,
  WATCH_EVENTS,
  type YorkieBackend,
} from '../support/yorkie-backend.ts';
import { yorkieDescriptorSet, yorkieService } from '../support/yorkie-service.ts';
import type { PageCall, PageResult } from './browser/page.ts';

const DOCS = fileURLToPath(new URL('../../docs/clients.md', import.meta.url));
/** What Yorkie's SDK sends with each call. */
const SDK_HEADERS = {
  'x-api-key': 'public-key',
  authorization: 'token',
  'x-yorkie-user-agent': '@yorkie-js/sdk/0.7.7',
} as const;
const FAILED_PRECONDITION = '9';
const UPDATES_DOCS = 'UPDATE_DOCS' in process.env;

const scope = new Scope();
const rows: string[] = [];
afterEach(() => scope.release());

function note(client: string, protocol: string, http: string, shard: string, streaming: string): void {
  rows.push(`| ${client} | ${protocol} | ${http} | ${shard} | yes | ${streaming} | yes |`);
}

interface Cluster {
  readonly router: RouterUnderTest;
  readonly backends: readonly YorkieBackend[];
}

const CORS = {
  allowOrigins: [{ regex: '^http://127[.]0[.]0[.]1:' }],
  allowMethods: ['POST', 'GET'],
  allowHeaders: [
    ...Object.keys(SDK_HEADERS),
    'x-shard-key',
    'content-type',
    'connect-protocol-version',
    'connect-timeout-ms',
    'x-grpc-web',
    'x-user-agent',
    'grpc-timeout',
  ],
  exposeHeaders: ['grpc-status', 'grpc-message'],
  maxAge: '10m',
};

/** Three shards behind a router: `auto` for backends that speak all, http2 for those that speak gRPC alone. */
async function startCluster(kind: 'all' | 'grpc only', listener: object = {}): Promise<Cluster> {
  const start = kind === 'all' ? startYorkieBackend : startGrpcOnlyBackend;
  const backends = await Promise.all(['s0', 's1', 's2'].map((name) => start(scope, name)));
  const route = { match: { prefix: '/yorkie.v1.YorkieService/' }, cluster: 'docs', cors: CORS };
  const router = await startRouter(scope, {
    shards: backends.map(({ port }) => port),
    upstream: { protocol: kind === 'all' ? 'auto' : 'http2' },
    routes: [{ ...route, grpcWeb: kind === 'all' ? 'pass' : 'translate' }],
    listener,
  });
  return { router, backends };
}

/** Checks what a client got, and that all of its calls met one shard. @returns its name */
function check({ backends }: Cluster, { activated, events, refusal }: PageResult, streams: boolean): string {
  const [shard = '', clientKey] = activated.split('/');
  expect(clientKey).toBe('c1');
  expect(events).toEqual(streams ? Array.from({ length: WATCH_EVENTS }, (_, i) => `${shard}/d1/${i + 1}`) : []);
  expect(refusal).toBe(FAILED_PRECONDITION);
  const called = backends.map(({ calls }) => calls.length);
  expect(called.filter((count) => count > 0)).toEqual([streams ? 3 : 2]);
  const [seen] = backends.flatMap(({ calls }) => calls);
  expect(seen).toMatchObject({ ...SDK_HEADERS, 'x-shard-key': 'project/document' });
  return shard;
}

type Method = (request: object, options: object) => unknown;

async function callFromNode(transport: Transport): Promise<PageResult> {
  const client = createClient(yorkieService, transport) as unknown as Record<
    'activateClient' | 'watchDocument' | 'pushPullChanges',
    Method
  >;
  const options = { headers: { ...SDK_HEADERS, 'x-shard-key': 'project/document' } };
  const { clientId } = (await client.activateClient({ clientKey: 'c1' }, options)) as { clientId: string };
  const events: string[] = [];
  const watch = client.watchDocument({ clientId, documentId: 'd1' }, options) as AsyncIterable<{
    event: string;
    number: number;
  }>;
  for await (const { event, number } of watch) events.push(`${event}/${number}`);
  const refusal = await (client.pushPullChanges({ change: 'fail' }, options) as Promise<unknown>).then(
    () => 'none',
    (error: { code: number }) => String(error.code),
  );
  return { activated: clientId, events, refusal };
}

describe('connect-es in Node', () => {
  it.each(['1.1', '2'] as const)('over HTTP/%s: Connect, gRPC-Web, and gRPC', async (httpVersion) => {
    const transports: Array<readonly [string, (baseUrl: string) => Transport]> = [
      ['Connect, JSON', (baseUrl) => createConnectTransport({ baseUrl, httpVersion, useBinaryFormat: false })],
      ['Connect, binary', (baseUrl) => createConnectTransport({ baseUrl, httpVersion })],
      ['gRPC-Web', (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion })],
    ];
    if (httpVersion === '2') transports.push(['gRPC', (baseUrl) => createGrpcTransport({ baseUrl })]);
    for (const [protocol, make] of transports) {
      const cluster = await startCluster('all');
      check(cluster, await callFromNode(make(`http://${cluster.router.endpoint}`)), true);
      note('connect-es (Node)', protocol, `HTTP/${httpVersion}`, 'the same protocol', 'yes');
    }
  });

  it.each([
    '1.1',
    '2',
  ] as const)('over HTTP/%s: gRPC-Web, translated for shards that speak gRPC alone', async (httpVersion) => {
    const cluster = await startCluster('grpc only');
    const baseUrl = `http://${cluster.router.endpoint}`;
    check(cluster, await callFromNode(createGrpcWebTransport({ baseUrl, httpVersion })), true);
    note('connect-es (Node)', 'gRPC-Web', `HTTP/${httpVersion}`, 'gRPC (`grpcWeb: translate`)', 'yes');
  });
});

describe('a page in Chromium, of another origin', () => {
  let browser: Browser;
  const all = new Scope();
  let pageUrl: string;
  beforeAll(async () => {
    pageUrl = await servePage(all, fileURLToPath(new URL('./browser/page.ts', import.meta.url)));
    browser = await startBrowser(all);
  });
  afterAll(() => all.release());

  async function callFromPage(
    client: PageCall['client'],
    baseUrl: string,
  ): Promise<PageResult & { versions: string[] }> {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    scope.defer(() => context.close());
    const page = await context.newPage();
    await page.goto(pageUrl);
    const call: PageCall = {
      client,
      baseUrl,
      key: 'project/document',
      headers: SDK_HEADERS,
      descriptorSet: [...yorkieDescriptorSet()],
    };
    const result = await page.evaluate(
      (given) => (globalThis as unknown as { run(call: PageCall): Promise<PageResult> }).run(given),
      call,
    );
    // What the browser says that it spoke: h2, or http/1.1.
    const versions = await page.evaluate(() =>
      performance
        .getEntriesByType('resource')
        .filter(({ name }) => name.includes('YorkieService'))
        .map((entry) => (entry as unknown as { nextHopProtocol: string }).nextHopProtocol),
    );
    return { ...result, versions };
  }

  const CLIENTS = [
    ['connect-web', 'Connect, JSON', 'connect-json', true],
    ['connect-web', 'Connect, binary', 'connect-binary', true],
    ['connect-web', 'gRPC-Web', 'connect-grpc-web', true],
    ['grpc-web', 'gRPC-Web, binary', 'grpc-web-binary', false],
    ['grpc-web', 'gRPC-Web, text', 'grpc-web-text', true],
  ] as const;

  /** Who speaks what to whom: Connect is not translated, and connect-node has no gRPC-Web in text. */
  const CASES = CLIENTS.flatMap(([client, protocol, id, streams]) =>
    (['all', 'grpc only'] as const)
      .filter((kind) => (kind === 'all' ? id !== 'grpc-web-text' : !protocol.startsWith('Connect')))
      .flatMap((kind) => [false, true].map((secure) => ({ client, protocol, id, streams, kind, secure }))),
  );

  it.each(CASES)('$client, $protocol, TLS: $secure, to shards that speak $kind', async (each) => {
    const { client, protocol, id, streams, kind, secure } = each;
    const certificate = new TestAuthority(scope.folder()).issue('IP:127.0.0.1');
    const cluster = await startCluster(kind, secure ? { tls: { certificates: [certificate] } } : {});
    const result = await callFromPage(id, `${secure ? 'https' : 'http'}://${cluster.router.endpoint}`);
    check(cluster, result, streams);
    const expected = secure ? 'h2' : 'http/1.1';
    expect(result.versions.filter((version) => version !== '' && version !== expected)).toEqual([]);
    const shard = kind === 'all' ? 'the same protocol' : 'gRPC (`grpcWeb: translate`)';
    note(`${client} (Chromium)`, protocol, secure ? 'HTTP/2, TLS' : 'HTTP/1.1', shard, streams ? 'yes' : 'none: XHR');
  });

  it('a WebSocket, whose key is in the query', async () => {
    const http1 = createServer();
    const sockets = new WebSocketServer({ server: http1 });
    sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(String(data))));
    scope.defer(() => {
      for (const socket of sockets.clients) socket.terminate();
    });
    const port = await serveBothVersions(scope, http1, (await import('node:http2')).createServer());
    const router = await startRouter(scope, {
      shards: [port],
      upstream: { protocol: 'auto' },
      routes: [{ match: { prefix: '/live' }, cluster: 'docs', shardKey: { query: 'doc' } }],
    });
    expect((await callFromPage('websocket', `http://${router.endpoint}`)).activated).toBe('c1');
    rows.push('| WebSocket (Chromium) | RFC 6455 | HTTP/1.1 | HTTP/1.1 | yes | yes | |');
  });
});

it('are the clients that docs/clients.md describes', () => {
  const text = readFileSync(DOCS, 'utf8');
  const table = [
    '| client | protocol | HTTP | to the shard by | unary | server streaming | its errors |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
  const marked = /(<!-- clients -->\n)[\s\S]*?(\n<!-- \/clients -->)/;
  if (UPDATES_DOCS) writeFileSync(DOCS, text.replace(marked, `$1${table}$2`));
  else expect(marked.exec(text)?.[0]).toBe(`<!-- clients -->\n${table}\n<!-- /clients -->`);
});
