import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { openStore, type RegistryDescription, StoreUnavailable } from '../src/registry/index.ts';
import { TestAuthority } from './support/certificates.ts';
import { freePorts, Scope } from './support/processes.ts';
import { clock, INSTALL_ETCD, isInstalled, registryOn } from './support/registries.ts';

const scope = new Scope();
afterEach(() => scope.release());

const TOKEN = 'a-token-that-nobody-guesses';

const namespacesOf = (description: RegistryDescription): Promise<string[]> =>
  registryOn(openStore(description, clock, Date.now), scope).namespaces.list();

it('serves the registry with TLS to who shows the token, and to nobody else', async () => {
  const folder = scope.folder();
  const authority = new TestAuthority(folder);
  const { certificate, key } = authority.issue('DNS:registry.test');
  const tokenFile = join(folder, 'token');
  writeFileSync(tokenFile, `${TOKEN}\n`);
  const data = ['--data', join(folder, 'registry.sqlite')];
  const server = scope.keyway(
    ['registry', '--listen', '0.0.0.0:0', '--token-file', tokenFile, '--certificate', certificate, '--key', key].concat(
      data,
    ),
  );
  const [, port] = await server.printed(/registry on 0\.0\.0\.0:(\d+)/);
  const address = `127.0.0.1:${port}`;
  const tls = { authorities: authority.certificate, serverName: 'registry.test' };
  expect(await namespacesOf({ remote: { address, tokenFile, tls } })).toEqual(['default']);
  await expect(namespacesOf({ remote: { address, tls } })).rejects.toThrow('the registry wants a token');
  const wrong = scope.file('token', 'another');
  await expect(namespacesOf({ remote: { address, tokenFile: wrong, tls } })).rejects.toThrow('wants a token');
  await expect(namespacesOf({ remote: { address, tokenFile } })).rejects.toThrow(StoreUnavailable);
  const other = { ...tls, serverName: 'other.test' };
  await expect(namespacesOf({ remote: { address, tokenFile, tls: other } })).rejects.toThrow(StoreUnavailable);
  expect(() => namespacesOf({ remote: { address, tls: {} } })).toThrow('TLS checks names');
  const stranger = { ...tls, authorities: new TestAuthority(scope.folder(), 'stranger').certificate };
  await expect(namespacesOf({ remote: { address, tokenFile, tls: stranger } })).rejects.toThrow(StoreUnavailable);
  expect(server.output).not.toContain(TOKEN);
});

it('is not served to everybody', async () => {
  const open = scope.keyway(['registry', '--listen', '0.0.0.0:0', '--data', join(scope.folder(), 'r.sqlite')]);
  expect(await open.exit()).toBe(2);
  expect(open.output).toBe(
    'keyway: 0.0.0.0 can be reached from outside: give a --token-file, or listen on 127.0.0.1\n',
  );
});

it('speaks to etcd by TLS with a certificate of its own, a user and a password', async () => {
  if (!isInstalled('etcd')) throw new Error(INSTALL_ETCD);
  const folder = scope.folder();
  const authority = new TestAuthority(folder);
  const server = authority.issue('DNS:localhost');
  const client = authority.issue();
  const [port, peerPort] = await freePorts(2);
  const endpoint = `localhost:${port}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  const places = [
    '--listen-client-urls',
    `https://127.0.0.1:${port}`,
    '--advertise-client-urls',
    `https://${endpoint}`,
  ];
  const peers = [
    '--listen-peer-urls',
    peer,
    '--initial-advertise-peer-urls',
    peer,
    '--initial-cluster',
    `default=${peer}`,
  ];
  const secure = ['--cert-file', server.certificate, '--key-file', server.key, '--client-cert-auth'];
  const running = scope.run('etcd', [
    ...['--data-dir', join(folder, 'data'), ...places, ...peers, ...secure],
    ...['--trusted-ca-file', authority.certificate],
  ]);
  await running.printed(/ready to serve client requests/);
  const shown = ['--cacert', authority.certificate, '--cert', client.certificate, '--key', client.key];
  const etcdctl = (...args: string[]): void => {
    const env = { ...process.env, ETCDCTL_API: '3' };
    execFileSync('etcdctl', ['--endpoints', `https://${endpoint}`, ...shown, ...args], { env, stdio: 'pipe' });
  };
  etcdctl('user', 'add', 'root:secret');
  etcdctl('user', 'grant-role', 'root', 'root');
  etcdctl('auth', 'enable');
  const passwordFile = scope.file('password', 'secret\n');
  const tls = { authorities: authority.certificate, ...client };
  const etcd = { endpoints: [endpoint], user: 'root', passwordFile, tls };
  expect(await namespacesOf({ etcd })).toEqual(['default']);
  const wrong = scope.file('password', 'guessed');
  await expect(namespacesOf({ etcd: { ...etcd, passwordFile: wrong } })).rejects.toThrow(/auth/i);
  await expect(namespacesOf({ etcd: { endpoints: [endpoint], tls } })).rejects.toThrow();
  await expect(namespacesOf({ etcd: { ...etcd, tls: { authorities: authority.certificate } } })).rejects.toThrow();
}, 60_000);
