import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { freePorts, Scope } from '../../../test/support/processes.ts';
import { CLUSTER, NODES, type RestApi, serveApi, storeCluster } from '../../../test/support/rest-api.ts';
import { StoredQueue } from '../../controller/index.ts';
import { ControllerClient } from './controller-client.ts';
import { controllersIn, originsOf } from './controllers-file.ts';
import { Shell } from './shell.ts';

const scope = new Scope();
afterEach(() => scope.release());

const TOKEN = 'a-token-of-some-length';

interface Opened extends RestApi {
  readonly shell: Shell;
}

async function open(token: string | null = null): Promise<Opened> {
  const api = await serveApi(scope, token);
  // The first controller is away.
  const [away] = await freePorts(1);
  const client = new ControllerClient([`http://127.0.0.1:${away}`, `http://127.0.0.1:${api.port}`], token);
  return { ...api, shell: new Shell(client, () => '127.0.0.1:11\n127.0.0.1:12\n') };
}

async function inCluster(): Promise<Opened> {
  const opened = await open();
  await storeCluster(opened.registry);
  await opened.shell.run('cd default/cache');
  return opened;
}

it('enters namespaces and clusters like directories, and makes namespaces', async () => {
  const { shell, registry } = await open(TOKEN);
  await storeCluster(registry);
  expect(await shell.run('mkns shop')).toBe('the namespace shop is made\n');
  expect(await shell.run('ls')).toBe('default\nshop\n');
  await shell.run('cd default');
  expect([shell.prompt, await shell.run('ls')]).toEqual(['/default> ', 'cache\n']);
  await shell.run('cd cache');
  expect(await shell.run('pwd')).toBe('/default/cache\n');
  await shell.run('cd ../../shop');
  expect([shell.prompt, await shell.run('ls')]).toEqual(['/shop> ', 'nothing is there\n']);
  await expect(shell.run('cd cache')).rejects.toThrow('there is no cache in /shop');
  await shell.run('cd /default/cache');
  await shell.run('cd ..');
  await shell.run('cd');
  expect(shell.prompt).toBe('/> ');
  await expect(shell.run('mkns shop')).rejects.toThrow('already exists');
});

it('shows the cluster with the columns of the shell of kvrocks-controller, also of nodes that are away', async () => {
  const { shell } = await inCluster();
  const [head, first, second, third] = (await shell.run('showcluster')).split('\n').map((line) => line.split(/ +/));
  expect(head?.join(' ')).toBe(
    'ID Status Role NodeId GitSha1 Addr Slots Epoch Connected Repl Clients OPS Mem Disk NetIn NetOut',
  );
  const nothing = Array(9).fill('-');
  expect(first).toEqual(['0', 'Failed', 'master', 'aaaaaaaa', '-', '127.0.0.1:1', '0-8191', ...nothing]);
  expect(second).toEqual(['0', 'Failed', 'slave', 'bbbbbbbb', '-', '127.0.0.1:2', '0-8191', ...nothing]);
  expect(third?.slice(0, 3)).toEqual(['1', 'Failed', 'master']);
});

it.each([
  ['migdata', true],
  ['migslot', false],
])('moves slots by %s, and only with -e', async (word, withData) => {
  const { shell, registry } = await inCluster();
  const moved = async () => (await new StoredQueue(registry, CLUSTER).read()).migrations;
  expect(await shell.run(`${word} -s 0 -t 1 -S 0-9,12`)).toContain('nothing was done');
  expect(await moved()).toEqual([]);
  await shell.run(`${word} -s 0 -t 1 -S 0-9,12 -e`);
  expect(await moved()).toMatchObject([{ from: 's0', to: 's1', slots: 11, withData }]);
  await expect(shell.run(`${word} -s 1 -t 0 -S 5 -e`)).rejects.toThrow('slot 5 is not in shard 1');
  await expect(shell.run(`${word} -s 0 -t 2 -S 5 -e`)).rejects.toThrow('there is no shard 2');
  await expect(shell.run(`${word} -s 0 -t 1 -e`)).rejects.toThrow('-S is missing');
});

it('plans a cluster of nodes that are named, or that stand in a file, and makes it only with -d or -e', async () => {
  const { shell } = await open();
  await expect(shell.run('mkcl -cn new -n a:1')).rejects.toThrow('enter one with cd');
  await shell.run('cd default');
  expect(await shell.run('mkcl -cn new -s 2 -c nodes.txt')).toBe(
    [
      'ID  Role    Addr          Slots',
      '0   master  127.0.0.1:11  0-8191',
      '1   master  127.0.0.1:12  8192-16383',
      'nothing was done; add -d, or -e, to carry it out\n',
    ].join('\n'),
  );
  expect(await shell.run('ls')).toBe('nothing is there\n');
  // No server is there.
  for (const flag of ['-d', '-e'])
    await expect(shell.run(`mkcl -cn new -s 2 -c nodes.txt ${flag}`)).rejects.toThrow('ECONNREFUSED');
  await expect(shell.run('mkcl -cn new -s 2 -n a:1,b:1,c:1')).rejects.toThrow('3 nodes do not make 2 shards');
  await expect(shell.run('mkcl -cn new -n a:1 -c f')).rejects.toThrow('one of -n and -c');
});

it('plans a failover to a node that is named by its address or how its id begins', async () => {
  const { shell } = await inCluster();
  const done = 'nothing was done; add -e to carry it out\n';
  expect(await shell.run('failover -s 0')).toBe(
    `shard 0: the slave with most of the data takes over from 127.0.0.1:1\n${done}`,
  );
  for (const node of ['127.0.0.1:2', 'bbbb', NODES[1]])
    expect(await shell.run(`failover -s 0 -n ${node}`)).toBe(
      `shard 0: 127.0.0.1:2 takes over from 127.0.0.1:1\n${done}`,
    );
  await expect(shell.run('failover -s 0 -n cccc')).rejects.toThrow('no node cccc');
  await expect(shell.run('failover -n bbbb')).rejects.toThrow('-s is missing');
});

it('shows each word by help, refuses others, and ends by exit', async () => {
  const { shell } = await open();
  const shown = await shell.run('help');
  const words = ['help', 'ls', 'cd', 'pwd', 'mkns', 'mkcl', 'showcluster', 'migdata', 'migslot', 'failover', 'exit'];
  for (const word of words) expect(shown).toMatch(new RegExp(`^${word}\\b`, 'm'));
  expect(await shell.run('help migdata')).toContain('-s SOURCE -t TARGET -S SLOTS [-e]');
  await expect(shell.run('rm shop')).rejects.toThrow('"rm" is not understood');
  await expect(shell.run('showcluster')).rejects.toThrow('enter one with cd');
  await shell.run('exit');
  expect(shell.hasEnded).toBe(true);
});

it('completes words, flags, and what can be entered', async () => {
  const { shell, registry } = await open();
  await storeCluster(registry);
  expect(await shell.completions('m')).toEqual(['mkns ', 'mkcl ', 'migdata ', 'migslot ']);
  expect(await shell.completions('migdata -')).toEqual(['-s ', '-t ', '-S ', '-e ']);
  expect(await shell.completions('cd d')).toEqual(['default ']);
  await shell.run('cd default');
  expect(await shell.completions('cd ')).toEqual(['cache ']);
  expect(await shell.completions('nothing ')).toEqual([]);
});

it('goes where a controller of Kvrocks sends it, without the token, and takes no other answers', async () => {
  const seen: Array<string | undefined> = [];
  const listen = async (
    answer: (path: string) => { status: number; text: string; location?: string },
  ): Promise<string> => {
    const server = createServer((request, response) => {
      seen.push(request.headers.authorization);
      const { status, text, location } = answer(request.url ?? '');
      response.writeHead(status, location === undefined ? {} : { location }).end(text);
    });
    scope.defer(() => server.close());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const leader = await listen(() => ({ status: 200, text: '{"data":{"namespaces":null}}' }));
  const follower = await listen((path) => ({ status: 307, text: '', location: leader + path }));
  expect(await new Shell(new ControllerClient([follower], TOKEN), () => '').run('ls')).toBe('nothing is there\n');
  expect(seen).toEqual([`Bearer ${TOKEN}`, undefined]);
  for (const text of ['<html>', '7', '{"data":{"namespaces":7}}']) {
    const other = await listen(() => ({ status: 200, text }));
    await expect(new Shell(new ControllerClient([other], null), () => '').run('ls')).rejects.toThrow(
      'does not answer as',
    );
  }
});

it('takes controllers from a file, and sends a token only where nobody else sees it', () => {
  expect(controllersIn('controllers:\n - 127.0.0.1:9159\n - 127.0.0.1:9379\n', 'f')).toEqual([
    '127.0.0.1:9159',
    '127.0.0.1:9379',
  ]);
  expect(() => controllersIn('controllers: []', 'f')).toThrow();
  const origins = (text: string, hasToken: boolean): string[] =>
    originsOf([text], hasToken, (host) => host === '127.0.0.1');
  expect(origins('127.0.0.1:9379', true)).toEqual(['http://127.0.0.1:9379']);
  expect(origins('https://a.example:9379', true)).toEqual(['https://a.example:9379']);
  expect(origins('a.example:9379', false)).toEqual(['http://a.example:9379']);
  expect(() => origins('a.example:9379', true)).toThrow('the token would be visible');
  for (const text of ['a b', 'http://u:p@a:1', 'a:1/x'])
    expect(() => origins(text, false), text).toThrow('is not the address');
});
