import { once } from 'node:events';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { get } from 'node:https';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { credentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestAuthority } from '../support/certificates.ts';
import { eventually, metric, type RouterUnderTest, startRouter } from '../support/cluster.ts';
import { echoClient, keyed, startEchoBackend } from '../support/echo-backend.ts';
import { type SeenRequest, startHttpBackend } from '../support/http-backend.ts';
import { Scope } from '../support/processes.ts';
import { RawHttp1 } from '../support/raw-http1.ts';

const scope = new Scope();
let folder: string;
let authority: TestAuthority;

beforeEach(() => {
  folder = scope.folder();
  authority = new TestAuthority(folder);
});
afterEach(() => scope.release());

async function start(tls: object, more: object = {}): Promise<RouterUnderTest> {
  const backend = await startHttpBackend(scope, 's0', 'http2');
  return startRouter(scope, { shards: [backend.port], listener: { tls, ...more } });
}

async function handshake(router: RouterUnderTest, options: object = {}): Promise<TLSSocket> {
  const socket = connectTls({ port: router.port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  scope.defer(() => socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return socket;
}

const shownName = (socket: TLSSocket): unknown => socket.getPeerCertificate().subject.CN;

async function getText(router: RouterUnderTest, options: object = {}): Promise<string> {
  const request = get({ port: router.port, path: '/x', headers: { 'x-shard-key': 'k' }, agent: false, ...options });
  const [response] = await once(request, 'response');
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return text;
}

it('speaks HTTP/2 and HTTP/1.1 by ALPN, and gRPC', async () => {
  const issued = authority.issue('DNS:localhost', 'IP:127.0.0.1');
  const backend = await startEchoBackend(scope, 's0');
  const router = await startRouter(scope, { shards: [backend.port], listener: { tls: { certificates: [issued] } } });
  const ca = readFileSync(authority.certificate);
  expect((await handshake(router, { ALPNProtocols: ['h2', 'http/1.1'] })).alpnProtocol).toBe('h2');
  expect((await handshake(router, { ALPNProtocols: ['http/1.1'] })).alpnProtocol).toBe('http/1.1');
  const client = echoClient(scope, `localhost:${router.port}`, credentials.createSsl(ca));
  const reply = await new Promise<string>((resolve, reject) => {
    (client.unary as CallableFunction)(Buffer.from('hello'), keyed('k'), (error: Error | null, bytes: Buffer) =>
      error === null ? resolve(bytes.toString()) : reject(error),
    );
  });
  expect(reply).toBe('hello');
});

it('tells the shard that the scheme is https, over either version', async () => {
  const router = await start({ certificates: [authority.issue('IP:127.0.0.1')] });
  const ca = readFileSync(authority.certificate);
  const overHttp1 = JSON.parse(await getText(router, { ca, host: '127.0.0.1' })) as SeenRequest;
  expect(overHttp1.headers[':scheme']).toBe('https');
  const session = connectHttp2(`https://127.0.0.1:${router.port}`, { ca });
  scope.defer(() => session.destroy());
  const stream = session.request({ ':path': '/x', 'x-shard-key': 'k' });
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  expect((JSON.parse(text) as SeenRequest).headers[':scheme']).toBe('https');
});

it('shows the certificate that has the name that the client asks for, else the first', async () => {
  const router = await start({
    certificates: [authority.issue('DNS:a.example'), authority.issue('DNS:*.b.example')],
  });
  expect(shownName(await handshake(router, { servername: 'a.example' }))).toBe('a.example');
  expect(shownName(await handshake(router, { servername: 'x.b.example' }))).toBe('*.b.example');
  expect(shownName(await handshake(router, { servername: 'other.example' }))).toBe('a.example');
  expect(shownName(await handshake(router))).toBe('a.example');
});

it('refuses TLS below 1.2 and cleartext, and counts it', async () => {
  const router = await start({ certificates: [authority.issue('IP:127.0.0.1')] });
  await expect(
    handshake(router, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }),
  ).rejects.toThrow(/alert|version|unsupported/i);
  const plain = await RawHttp1.connect(scope, router.port);
  plain.write('GET / HTTP/1.1\r\nHost: h\r\nx-shard-key: k\r\n\r\n');
  expect(await plain.ends()).toBe('');
  expect(await metric(router, 'keyway_handshakes_failed_total')).toBe(2);
});

it('takes up changed certificates without disturbing open connections; bad files change nothing', async () => {
  const [old, renewed] = [authority.issue('DNS:old.example'), authority.issue('DNS:new.example')];
  const files = { certificate: join(folder, 'live.pem'), key: join(folder, 'live.key') };
  const put = ({ certificate, key }: { certificate: string; key: string }): void => {
    copyFileSync(certificate, files.certificate);
    copyFileSync(key, files.key);
  };
  put(old);
  const router = await start({ certificates: [files] });
  const connected = await handshake(router, { ALPNProtocols: ['http/1.1'] });
  connected.write('POST /echo HTTP/1.1\r\nHost: h\r\nx-shard-key: k\r\nContent-Length: 10\r\n\r\nhello');
  await once(connected, 'data');
  writeFileSync(files.certificate, 'nonsense');
  expect(shownName(await handshake(router))).toBe('old.example');
  put(renewed);
  await eventually(async () => shownName(await handshake(router)) === 'new.example');
  await eventually(async () => shownName(await handshake(router, { servername: 'x' })) === 'new.example');
  connected.write('world');
  expect(String((await once(connected, 'data'))[0])).toContain('world');
});

it('asks clients for a certificate of its authorities where they are given', async () => {
  const stranger = new TestAuthority(scope.folder(), 'stranger').issue();
  const friend = authority.issue();
  const router = await start({
    certificates: [authority.issue('IP:127.0.0.1')],
    clientAuthorities: authority.certificate,
  });
  const shown = ({ certificate, key }: { certificate: string; key: string }): object => ({
    ca: readFileSync(authority.certificate),
    host: '127.0.0.1',
    cert: readFileSync(certificate),
    key: readFileSync(key),
  });
  expect(await getText(router, shown(friend))).toContain('"url":"/x"');
  await expect(getText(router, shown(stranger))).rejects.toThrow();
  await expect(getText(router, { ca: readFileSync(authority.certificate), host: '127.0.0.1' })).rejects.toThrow();
});

describe.each(['http2', 'http1', 'auto'] as const)('shards that speak %s over TLS', (protocol) => {
  const spoken = protocol === 'auto' ? 'http1' : protocol;

  const startSecure = async (upstreamTls: object, server: object = {}): Promise<RouterUnderTest> => {
    const issued = authority.issue('DNS:shard.example');
    const tls = { cert: readFileSync(issued.certificate), key: readFileSync(issued.key), ...server };
    const backend = await startHttpBackend(scope, 's0', spoken, 0, tls);
    const upstream = { protocol, tls: upstreamTls };
    return startRouter(scope, { shards: [backend.port], upstream });
  };

  const status = async (router: RouterUnderTest): Promise<string> => {
    const client = await RawHttp1.connect(scope, router.port);
    client.write('GET /x HTTP/1.1\r\nHost: h\r\nx-shard-key: k\r\nConnection: close\r\n\r\n');
    return client.ends();
  };

  it('are believed with a certificate of the authorities, for the name that is configured', async () => {
    const trusted = { authorities: authority.certificate, serverName: 'shard.example' };
    expect(await status(await startSecure(trusted))).toMatch(/^HTTP\/1\.1 200 [\s\S]*"url":"\/x"/);
    expect(await status(await startSecure({ authorities: authority.certificate }))).toMatch(/^HTTP\/1\.1 503 /);
    expect(await status(await startSecure({ serverName: 'shard.example' }))).toMatch(/^HTTP\/1\.1 503 /);
  });

  it('are shown a certificate where they ask for one', async () => {
    const server = { requestCert: true, rejectUnauthorized: true, ca: readFileSync(authority.certificate) };
    const trusted = { authorities: authority.certificate, serverName: 'shard.example' };
    expect(await status(await startSecure({ ...trusted, ...authority.issue() }, server))).toMatch(/^HTTP\/1\.1 200 /);
    expect(await status(await startSecure(trusted, server))).toMatch(/^HTTP\/1\.1 50[23] /);
  });
});

describe('behind a load balancer that speaks the PROXY protocol', () => {
  const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
  const header = (source: readonly number[]): Buffer =>
    Buffer.from([...SIGNATURE, 0x21, 0x11, 0, 12, ...source, 127, 0, 0, 1, 0, 80, 0, 81]);
  const request = 'GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n';
  const startBehind = async (more: object = {}): Promise<RouterUnderTest> => {
    const backends = await Promise.all(['s0', 's1', 's2', 's3'].map((name) => startHttpBackend(scope, name, 'http2')));
    return startRouter(scope, {
      shards: backends.map(({ port }) => port),
      routes: [{ match: { prefix: '/' }, cluster: 'docs', shardKey: { clientAddress: true } }],
      listener: { proxyProtocol: true, ...more },
      limits: { requestHeadTimeout: '300ms' },
    });
  };

  it('the client is whom the header names, in cleartext and behind TLS', async () => {
    const plain = await startBehind();
    const owners = new Map<number, string>();
    for (let host = 1; host <= 12; host++) {
      const peer = await RawHttp1.connect(scope, plain.port);
      peer.socket.write(header([10, 1, 1, host]));
      peer.write(request);
      owners.set(host, /"backend":"(s\d)"/.exec(await peer.ends())?.[1] ?? '');
    }
    expect(new Set(owners.values()).size).toBeGreaterThan(1);
    expect(owners.get(1)).not.toBe('');

    const secure = await startBehind({ tls: { certificates: [authority.issue('IP:127.0.0.1')] } });
    const socket = connectSocket(secure.port, '127.0.0.1');
    scope.defer(() => socket.destroy());
    socket.write(header([10, 1, 1, 1]));
    const tls = connectTls({ socket, rejectUnauthorized: false });
    tls.write(request);
    let text = '';
    for await (const chunk of tls) text += String(chunk);
    expect(text).toMatch(/"backend":"s\d"/);
  });

  it('a client that sends no header, a malformed one, or none in time is cut off', async () => {
    const router = await startBehind();
    const without = await RawHttp1.connect(scope, router.port);
    without.write(request);
    expect(await without.ends()).toBe('');
    const malformed = await RawHttp1.connect(scope, router.port);
    malformed.socket.write(Buffer.from([...SIGNATURE, 0x21, 0x11, 0, 4, 1, 2, 3, 4]));
    expect(await malformed.ends()).toBe('');
    const silent = await RawHttp1.connect(scope, router.port);
    expect(await silent.ends()).toBe('');
    expect(await metric(router, 'keyway_handshakes_failed_total')).toBe(3);
  });

  it('a connection of its own, to check that the router is there, is accepted', async () => {
    const router = await startBehind();
    const peer = await RawHttp1.connect(scope, router.port);
    peer.socket.write(Buffer.from([...SIGNATURE, 0x20, 0, 0, 0]));
    peer.write(request);
    expect(await peer.ends()).toMatch(/^HTTP\/1\.1 200 /);
  });
});

it('says which file is no good, and where it is named', async () => {
  const config = scope.file(
    'keyway.yaml',
    `listen: [{address: 127.0.0.1:0, tls: {certificates: [{certificate: /nowhere.pem, key: /nowhere.key}]}}]
routes: [{match: {prefix: /}, cluster: docs}]
clusters: {docs: {shards: [{id: a, address: 127.0.0.1:1}]}}
`,
  );
  const check = scope.keyway(['router', '--check', '--config', config]);
  expect(await check.exit()).not.toBe(0);
  expect(check.output).toMatch(/keyway\.yaml:1:\d+ listen\.0\.tls: \/nowhere\.pem: there is no such file/);
});
