import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import type { RegistryDescription } from '../../src/registry/index.ts';
import { openStore } from '../../src/registry/store/index.ts';
import { TestAuthority } from '../support/certificates.ts';
import { freePorts, Scope } from '../support/processes.ts';
import { clock, registryOn } from '../support/registries.ts';

const scope = new Scope();
afterEach(() => scope.release());

const namespacesOf = (description: RegistryDescription): Promise<string[]> =>
  registryOn(openStore(description, { clock, timeOfDayMs: Date.now, random: Math.random }), scope).namespaces.list();

it('speaks to etcd by TLS with a certificate of its own, a user and a password', async () => {
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
