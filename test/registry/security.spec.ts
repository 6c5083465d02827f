import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { serveRegistry } from '../../src/app/served-registry.ts';
import { chosenRegistry } from '../../src/cli/options/registry-option.ts';
import { type RegistryDescription, type Revision, StoreUnavailable } from '../../src/registry/index.ts';
import { openStore } from '../../src/registry/store/index.ts';
import { TestAuthority } from '../support/certificates.ts';
import { fetchText } from '../support/cluster.ts';
import { freePorts, Scope } from '../support/processes.ts';
import { clock, PATIENCE, registryOn } from '../support/registries.ts';

const scope = new Scope();
afterEach(() => scope.release());

const TOKEN = 'a-token-that-nobody-guesses';

const namespacesOf = (description: RegistryDescription): Promise<string[]> =>
  registryOn(openStore(description, { clock, timeOfDayMs: Date.now, random: Math.random }), scope).namespaces.list();

it('serves the registry over TLS to clients with the token, and to nobody else', async () => {
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
  await expect(namespacesOf({ remote: { address, tls } })).rejects.toThrow('the registry needs a token');
  const wrong = scope.file('token', 'another');
  await expect(namespacesOf({ remote: { address, tokenFile: wrong, tls } })).rejects.toThrow('needs a token');
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

it('is served to other machines with TLS, and tokens of some length, or not at all', async () => {
  const listen = { host: '0.0.0.0', port: 0 };
  const data = join(scope.folder(), 'r.sqlite');
  const tokens = scope.file('tokens.yaml', `tokens: [{token: ${TOKEN}, role: read}]\n`);
  const tokenFile = scope.file('token', TOKEN);
  await expect(serveRegistry({ listen, data, tokenFile }, () => {})).rejects.toThrow(
    'tokens would be visible on the network: give --certificate and --key, or say --insecure',
  );
  await expect(serveRegistry({ listen, data, tokens }, () => {})).rejects.toThrow('tokens would be visible');
  await expect(serveRegistry({ listen, data, tokens, tokenFile }, () => {})).rejects.toThrow('exclude each other');
  const short = scope.file('token', 'short');
  await expect(serveRegistry({ listen, data, tokenFile: short, insecure: true }, () => {})).rejects.toThrow(
    'fewer than 16',
  );
  const { port, close } = await serveRegistry({ listen, data, tokens, insecure: true }, () => {});
  scope.defer(close);
  expect(await namespacesOf({ remote: { address: `127.0.0.1:${port}`, tokenFile } })).toEqual(['default']);
});

it('is sent no token on another machine without TLS, unless configured otherwise', () => {
  const open = (description: RegistryDescription): Promise<void> =>
    openStore(description, { clock, timeOfDayMs: Date.now, random: Math.random }).close();
  const tokenFile = scope.file('token', TOKEN);
  const remote = { address: '10.1.2.3:9200', tokenFile };
  expect(() => open({ remote })).toThrow('the token for the registry 10.1.2.3:9200 would be visible on the network');
  // A name is somebody's, whatever it begins with.
  expect(() => open({ remote: { ...remote, address: '127.evil.example:1' } })).toThrow(
    'would be visible on the network',
  );
  const etcd = { endpoints: ['localhost:1', 'etcd.example:2379'], user: 'u', passwordFile: tokenFile };
  expect(() => open({ etcd })).toThrow(
    'the password for the registry etcd.example:2379 would be visible on the network',
  );
  open({ remote: { ...remote, insecure: true } });
  open({ etcd: { ...etcd, insecure: true } });

  const home = scope.folder();
  mkdirSync(join(home, 'keyway'));
  writeFileSync(join(home, 'keyway', 'config.yaml'), JSON.stringify({ registry: { remote } }));
  vi.stubEnv('XDG_CONFIG_HOME', home);
  vi.stubEnv('KEYWAY_REGISTRY', '');
  scope.defer(() => vi.unstubAllEnvs());
  expect(() => open(chosenRegistry({}))).toThrow('would be visible on the network');
  open(chosenRegistry({ insecure: true }));
});

it('admits clients by its changed files, checked as a whole first, and ends the watches of clients that it no longer admits', async () => {
  const folder = scope.folder();
  const authority = new TestAuthority(folder);
  const { certificate, key } = authority.issue('DNS:registry.test');
  const [mine, others] = [scope.file('token', `${TOKEN}-1`), scope.file('token', `${TOKEN}-2`)];
  const line = (n: number): string => `{token: ${TOKEN}-${n}, role: administer}`;
  const tokens = scope.file('tokens.yaml', `tokens: [${line(1)}, ${line(2)}]\n`);
  const listen = { host: '127.0.0.1', port: 0 };
  const options = { listen, data: join(folder, 'r.sqlite'), tokens, certificate, key };
  const { port, access, close } = await serveRegistry(options, () => {});
  scope.defer(close);
  const where = (tokenFile: string, authorities = authority.certificate): RegistryDescription => ({
    remote: { address: `127.0.0.1:${port}`, tokenFile, tls: { authorities, serverName: 'registry.test' } },
  });
  const watching = openStore(where(others), { clock, timeOfDayMs: Date.now, random: Math.random });
  scope.defer(() => watching.close());
  const events: string[] = [];
  watching.watch('', 0 as Revision, {
    onBegun: () => events.push('begun'),
    onChanges: () => {},
    onEnded: () => events.push('ended'),
  });
  await vi.waitFor(() => expect(events).toEqual(['begun']));

  writeFileSync(tokens, `tokens: [${line(1)}, {token: short, role: read}]\n`);
  access.reload('a test');
  expect(await namespacesOf(where(others))).toEqual(['default']);
  const renewed = new TestAuthority(scope.folder(), 'renewed');
  writeFileSync(tokens, `tokens: [${line(1)}]\n`);
  copyFileSync(renewed.issue('DNS:registry.test').certificate, certificate);
  access.reload('a test');
  // The new certificate is not that of the old key: nothing has changed.
  expect(await namespacesOf(where(others))).toEqual(['default']);
  expect(events).toEqual(['begun']);

  const next = renewed.issue('DNS:registry.test');
  copyFileSync(next.certificate, certificate);
  copyFileSync(next.key, key);
  // Nobody tells it: it sees that its files have changed.
  await vi.waitFor(() => expect(events).toEqual(['begun', 'ended']), PATIENCE);
  expect(await namespacesOf(where(mine, renewed.certificate))).toEqual(['default']);
  await expect(namespacesOf(where(others, renewed.certificate))).rejects.toThrow('the registry needs a token');
});

it('reads its tokens again at SIGHUP, and serves metrics of the process', async () => {
  const tokenFile = scope.file('token', TOKEN);
  const metrics = `127.0.0.1:${(await freePorts(1))[0]}`;
  const data = join(scope.folder(), 'r.sqlite');
  const args = ['registry', '--listen', '127.0.0.1:0', '--data', data, '--token-file', tokenFile, '--metrics', metrics];
  const server = scope.keyway(args);
  await server.printed(/registry on/);
  process.kill(server.pid as number, 'SIGHUP');
  await server.printed(/"by":"SIGHUP","msg":"tokens and certificates were read again"/);
  expect((await fetchText(`http://${metrics}/metrics`)).text).toMatch(/^process_resident_memory_bytes \d+/m);
  expect(await server.end('SIGTERM')).toBe(0);
});
