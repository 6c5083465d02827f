import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterEach, expect, it, vi } from 'vitest';
import { TestAuthority } from '../support/certificates.ts';
import { metric, type RouterUnderTest, startRouter } from '../support/cluster.ts';
import { Commands } from '../support/commands.ts';
import { startHttpBackend } from '../support/http-backend.ts';
import { overHttp1 } from '../support/http-client.ts';
import { Scope } from '../support/processes.ts';
import { RawHttp1 } from '../support/raw-http1.ts';
import { PATIENCE } from '../support/registries.ts';
import { reload, rewrite } from './reloading.ts';

const scope = new Scope();
afterEach(() => scope.release());

async function start(config: object = {}): Promise<RouterUnderTest> {
  const { port } = await startHttpBackend(scope, 'a', 'http2');
  return startRouter(scope, { shards: [port], config: { reloadOnChange: false, ...config } });
}

/** Changes the fields of the one listener. */
function rewriteListener(router: RouterUnderTest, fields: object): void {
  rewrite(router, ({ listen }) => ({ listen: [{ address: (listen as [{ address: string }])[0].address, ...fields }] }));
}

async function sessionTo(router: RouterUnderTest): Promise<ClientHttp2Session> {
  const session = connect(`http://${router.endpoint}`);
  scope.defer(() => session.destroy());
  session.on('error', () => {});
  await once(session, 'remoteSettings');
  return session;
}

async function statusOver(session: ClientHttp2Session): Promise<unknown> {
  const stream = session.request({ ':path': '/x', 'x-shard-key': 'k' }).resume();
  const [headers] = await once(stream, 'response');
  return headers[':status'];
}

/** A TLS connection, and what comes of a request on it. */
class Secure {
  readonly socket: TLSSocket;
  #text = '';
  readonly #connected: Promise<unknown>;

  constructor(router: RouterUnderTest, options: object = {}) {
    this.socket = connectTls({ port: router.port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
    scope.defer(() => this.socket.destroy());
    this.#connected = once(this.socket, 'secureConnect');
    this.#connected.catch(() => {});
    this.socket
      .on('error', () => {})
      .on('data', (chunk) => {
        this.#text += String(chunk);
      });
  }

  /** The name in the certificate that is shown. */
  async name(): Promise<unknown> {
    await this.#connected;
    return this.socket.getPeerCertificate().subject.CN;
  }

  /** The status of another request; null where the connection is closed. */
  async status(): Promise<string | null> {
    this.#text = '';
    this.socket.write('GET /x HTTP/1.1\r\nHost: h\r\nx-shard-key: k\r\n\r\n');
    await vi.waitFor(() => expect(this.#text !== '' || this.socket.destroyed).toBe(true), PATIENCE);
    return /^HTTP\/1\.1 (\d+)/.exec(this.#text)?.[1] ?? null;
  }
}

it('turns a listener to TLS, adds, replaces and demands certificates, and leaves open connections alone', async () => {
  const authority = new TestAuthority(scope.folder());
  const [a, b, c, client] = ['DNS:a.test', 'DNS:b.test', 'DNS:c.test', 'DNS:client'].map((n) => authority.issue(n));
  const router = await start();
  const plain = await sessionTo(router);
  const commands = new Commands('');

  rewriteListener(router, { tls: { certificates: [a] } });
  expect(await reload(router)).toMatchObject({ result: 'applied', applied: [expect.stringContaining('listen')] });
  const first = new Secure(router, { servername: 'b.test' });
  expect(await first.name()).toBe('a.test');
  expect(await first.status()).toBe('200');
  await expect(overHttp1(router, '/x', { agent: false })).rejects.toThrow();

  // Added: who asks for its name is shown it.
  rewriteListener(router, { tls: { certificates: [a, b] } });
  router.process.child.kill('SIGHUP');
  await vi.waitFor(
    async () => expect(await metric(router, 'keyway_config_reloads_total{result="applied"}')).toBe(2),
    PATIENCE,
  );
  expect(await new Secure(router, { servername: 'b.test' }).name()).toBe('b.test');
  expect(await new Secure(router, { servername: 'elsewhere.test' }).name()).toBe('a.test');

  // A fault changes nothing.
  rewriteListener(router, { tls: { certificates: [{ ...a, key: b?.key }] } });
  expect(await reload(router)).toMatchObject({
    result: 'refused',
    fault: expect.stringContaining('the key belongs to another certificate'),
  });
  expect(await new Secure(router, { servername: 'b.test' }).name()).toBe('b.test');

  // Replaced, and clients have to show one from now on.
  const clientAuthorities = authority.certificate;
  rewriteListener(router, { tls: { certificates: [c], clientAuthorities } });
  const admin = router.admin.slice('http://'.length);
  expect(await commands.run('reload', '--admin', admin)).toMatchObject({ code: 0 });
  expect(await new Secure(router).status()).toBe(null);
  const shown = { cert: readFileSync(client?.certificate ?? ''), key: readFileSync(client?.key ?? '') };
  const known = new Secure(router, shown);
  expect([await known.name(), await known.status()]).toEqual(['c.test', '200']);
  // Another authority's clients.
  rewriteListener(router, {
    tls: { certificates: [c], clientAuthorities: new TestAuthority(scope.folder(), 'other').certificate },
  });
  expect((await reload(router)).result).toBe('applied');
  expect(await new Secure(router, shown).status()).toBe(null);

  rewriteListener(router, {});
  expect((await reload(router)).result).toBe('applied');
  expect((await overHttp1(router, '/x', { agent: false })).status).toBe(200);
  expect([await statusOver(plain), await first.status(), await known.status()]).toEqual([200, '200', '200']);
});

it('takes PROXY headers from the next connection on, and takes none any more', async () => {
  const router = await start({ trustedHops: 0 });
  const HEADER = '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\x01\x01\x07\x7f\0\0\x01\0\x50\0\x51';
  const REQUEST = 'GET /x HTTP/1.1\r\nHost: h\r\nx-shard-key: k\r\nConnection: close\r\n\r\n';
  const answered = async (text: string): Promise<string> => {
    const peer = await RawHttp1.connect(scope, router.port);
    peer.write(text);
    return peer.ends();
  };
  const before = await sessionTo(router);
  rewriteListener(router, { proxyProtocol: true });
  expect(await reload(router)).toMatchObject({ result: 'applied', fault: null });
  expect(await answered(HEADER + REQUEST)).toContain('"x-forwarded-for":"10.1.1.7"');
  expect(await answered(REQUEST)).toBe('');
  rewriteListener(router, {});
  expect((await reload(router)).result).toBe('applied');
  expect(await answered(REQUEST)).toContain('"x-forwarded-for":"127.0.0.1"');
  expect(await answered(HEADER + REQUEST)).not.toContain('10.1.1.7');
  expect(await statusOver(before)).toBe(200);
});

it('applies other limits at once or from the next connection on, and ends no connection for them', async () => {
  const router = await start();
  const before = await sessionTo(router);
  rewrite(router, () => ({ limits: { maxConcurrentStreams: 7, maxDownstreamConnections: 2 } }));
  expect(await reload(router)).toMatchObject({ result: 'applied', needsRestart: [] });
  const second = await sessionTo(router);
  expect(before.remoteSettings.maxConcurrentStreams).not.toBe(7);
  expect(second.remoteSettings.maxConcurrentStreams).toBe(7);
  await expect(overHttp1(router, '/x', { agent: false })).rejects.toThrow();
  expect(await metric(router, 'keyway_downstream_refused_total')).toBeGreaterThan(0);
  expect([await statusOver(before), await statusOver(second)]).toEqual([200, 200]);
  const closed = Promise.all([once(before, 'close'), once(second, 'close')]);
  rewrite(router, () => ({ limits: { idleConnection: '100ms' } }));
  expect((await reload(router)).result).toBe('applied');
  await closed;
  expect((await overHttp1(router, '/x', { agent: false })).status).toBe(200);
});
