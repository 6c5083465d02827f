import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WriteStream } from 'node:tty';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { nodeName } from '../registry/index.ts';
import { openRegistry } from '../registry/store/index.ts';
import { machine } from '../runtime/machine-clock.ts';
import { type Topology, type TopologyVersion, towards } from '../topology/index.ts';
import { valueText } from './commands/watch.ts';
import { chosenRegistry } from './options/registry-option.ts';
import { Notes, writeFault } from './output/terminal.ts';
import { keywayProgram } from './program.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keyway-test-'));
  vi.stubEnv('KEYWAY_REGISTRY', `sqlite:${join(folder, 'registry.sqlite')}`);
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

/** What a command prints, called in this process. */
async function printed(...args: string[]): Promise<string> {
  let text = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((part) => {
    text += String(part);
    return true;
  });
  try {
    await (await keywayProgram(args[0])).parseAsync(args, { from: 'user' });
  } finally {
    write.mockRestore();
  }
  return text;
}

const makeEmptyRegistry = (): Promise<void> => openRegistry(chosenRegistry({}), machine).close();
const CREATE = ['cluster', 'create', 'docs', '--shards', 's0=127.0.0.1:1,s1=127.0.0.1:2'];
const CONFIG = `listen: [{address: 127.0.0.1:8080}]
routes: [{match: {prefix: /}, cluster: docs}]
clusters: {docs: {hashOn: id, shards: [{id: s1, address: 127.0.0.1:2}, {id: s9, address: 127.0.0.1:9}]}}
`;

const FROM_REGISTRY = `listen: [{address: 127.0.0.1:8080}]
registry: {sqlite: {path: typo.sqlite}}
routes: [{match: {prefix: /}, cluster: docs}]
clusters: {docs: {fromRegistry: {}}}
`;

describe('a change in progress', () => {
  const NAME = { namespace: 'default', cluster: 'docs' };

  /** Two shards, and a change to three of them that nobody drives. @param cursor up to which keys have moved already */
  async function begun(cursor: number): Promise<void> {
    await printed(...CREATE);
    const registry = openRegistry(chosenRegistry({}), machine);
    const before = (await registry.topologies.read(NAME)) as Topology;
    const target = {
      ...before,
      version: null,
      shards: [...before.shards, { id: 's2', address: '127.0.0.1:3', weight: 1 }],
    };
    const current = cursor === 0 ? before : await registry.topologies.commit(towards(before, target, cursor, 2));
    const wave = { since: 2 as TopologyVersion, number: 2, from: cursor, to: 0.5, narrowed: 0, streams: null };
    await registry.handoffs.stage(towards(current, target, 0.5, 2), {}, 'a third shard', [], undefined, wave);
    await registry.close();
  }

  it('is stopped and continued, and status shows how far it is', async () => {
    await begun(0.25);
    expect(await printed('status')).toMatch(/2 -> 3 +stage \(wave 2, 25% to 50% of the keys\)/);
    expect(await printed('topology', 'pause')).toMatch(/^the change of docs is paused: .*\n$/);
    expect(await printed('status')).toMatch(/stage \(wave 2, 25% to 50% of the keys, paused\)/);
    expect(await printed('topology', 'resume')).toBe('the change of docs continues\n');
    expect(await printed('status')).not.toContain('paused');
  });

  it('is given up, and what it has moved goes back', async () => {
    await begun(0.25);
    expect(await printed('topology', 'apply', '--abort')).toBe(
      'the change of docs was given up, and what it had moved is back; it is at version 3\n',
    );
    expect(await printed('cluster', 'show', 'docs')).not.toContain('s2');
    await expect(printed('topology', 'pause')).rejects.toThrow('no change of default/docs is under way');
  });

  it('is given up where nothing has moved, and everything stays as it was', async () => {
    await begun(0);
    expect(await printed('topology', 'apply', '--abort')).toBe('version 2 of docs was given up; version 1 stays\n');
    await expect(printed('topology', 'apply', '--abort')).rejects.toThrow('no handoff of default/docs is under way');
  });

  it('is printed as what it leads to', async () => {
    await begun(0.25);
    expect(await printed('topology', 'get')).not.toContain('moving');
    expect(await printed('cluster', 'show', 'docs', '--json')).toContain('"s2"');
  });
});

describe('status', () => {
  it('says that a registry is empty', async () => {
    await makeEmptyRegistry();
    expect(await printed('status')).toMatch(/^the registry is empty: .*\nkeyway cluster create, .*\n$/);
  });

  it('says where nodes run, and leaves out those of shards that were removed', async () => {
    await printed(...CREATE);
    const registry = openRegistry({ sqlite: { path: join(folder, 'registry.sqlite') } }, machine);
    const runs = { s0: { process: { host: 'laptop', pid: 4243 } }, s1: {} };
    for (const [shard, process] of Object.entries(runs)) {
      const name = nodeName({ namespace: 'default', cluster: 'docs' }, shard, 'n');
      const value = { address: '127.0.0.1:1', role: 'primary', healthy: true, ...process };
      await registry.members.register('node', name, value, 60_000).ready;
    }
    const before = await printed('status');
    expect(before).toMatch(/\ndefault\/docs\/s0\/n {2}127\.0\.0\.1:1 {2}4243 on laptop {2}healthy\n/);
    expect(before).toMatch(/\ndefault\/docs\/s1\/n {2}127\.0\.0\.1:1 {18}healthy\n/);
    await printed('shard', 'remove', 's1');
    expect(await printed('status')).not.toContain('s1');
    expect(await printed('status', '--all')).toContain('\ndefault/docs/s1/n ');
    await registry.close();
  });
});

describe('something that exists already, or is not a name', () => {
  it('is reported as such', async () => {
    await printed(...CREATE);
    await expect(printed(...CREATE)).rejects.toThrow('the cluster default/docs exists already: it is at version 1');
    await printed('ns', 'create', 'team');
    await expect(printed('ns', 'create', 'team')).rejects.toThrow('the namespace team exists already');
    await expect(printed('shard', 'add', 's0', '127.0.0.1:9')).rejects.toThrow(
      /^the shard s0 exists already, at 127\.0\.0\.1:1, with weight 1$/,
    );
    await expect(printed('ns', 'create', 'A b')).rejects.toThrow('name "A b": write a name of letters');
  });
});

describe('port 0', () => {
  it('is where the system chooses a port to listen on, and nothing to connect to', async () => {
    await printed(...CREATE);
    const why = 'port 0 is none to connect to; write the port that is listened on';
    const shards = file('shards.yaml', 'shards: [{id: s1, address: "h:0"}]');
    const topology = file('docs.yaml', 'cluster: docs\nshards: [{id: s1, address: "h:0"}]');
    for (const args of [
      ['shard', 'add', 's9', 'h:0'],
      ['cluster', 'create', 'more', '--shards', 's0=h:0'],
      ['node', 'register', '--cluster', 'docs', '--shard', 's0', '--address', 'h:0'],
      ['kv', 'get', 'demo/x', '--endpoint', '127.0.0.1:0'],
      ['load', '127.0.0.1:0'],
      ['reload', '--admin', '127.0.0.1:0'],
      ['topology', 'apply', topology],
      ['discover', '--cluster', 'docs', '--file', shards, '--dry-run'],
    ])
      await expect(printed(...args), args.join(' ')).rejects.toThrow(why);
  });
});

describe('a listing of nothing', () => {
  it('says so to people, and is empty for programs', async () => {
    await makeEmptyRegistry();
    expect(await printed('cluster', 'list')).toMatch(/^there is no cluster: /);
    expect(await printed('cluster', 'list', '--json')).toBe('');
    await printed(...CREATE);
    expect(await printed('housekeeping', 'list')).toMatch(/^no node has reported any task: /);
    expect(await printed('housekeeping', 'history')).toBe('no run is kept\n');
  });
});

describe('topology history', () => {
  it('says that there is no such cluster', async () => {
    await makeEmptyRegistry();
    await expect(printed('topology', 'history', '--cluster', 'nowhere')).rejects.toThrow('there is no cluster');
  });
});

describe('a registry that does not exist', () => {
  const yaml = 'cluster: docs\nshards: [{id: s0, address: "127.0.0.1:1"}]\n';
  const files = (): string[] => readdirSync(folder).filter((name) => name.includes('typo'));

  it('is made by no command that reads it, or changes what is in it', async () => {
    const typo = join(folder, 'typo.sqlite');
    const topology = file('docs.yaml', yaml);
    const why = `there is no registry at ${typo}; keyway cluster create and keyway topology apply make one`;
    for (const args of [
      ['status'],
      ['watch'],
      ['ns', 'list'],
      ['ns', 'delete', 'team', '--yes'],
      ['cluster', 'list'],
      ['cluster', 'show', 'docs'],
      ['cluster', 'delete', 'docs', '--yes'],
      ['cluster', 'forget', 'docs', 's0', '--yes'],
      ['topology', 'get'],
      ['topology', 'history'],
      ['topology', 'rollback', '1'],
      ['topology', 'pause'],
      ['topology', 'apply', '--abort'],
      ['shard', 'add', 's1', '127.0.0.1:2'],
      ['housekeeping', 'list'],
      ['housekeeping', 'run', 'compaction'],
      ['plan', topology],
      ['explain', 'demo/hello'],
      ['discover', '--cluster', 'docs', '--file', topology, '--dry-run'],
      ['load', '127.0.0.1:1'],
    ])
      await expect(printed(...args, '--registry', `sqlite:${typo}`), args.join(' ')).rejects.toThrow(
        `--registry: ${why}`,
      );
    vi.stubEnv('KEYWAY_REGISTRY', `sqlite:${typo}`);
    await expect(printed('status')).rejects.toThrow(`KEYWAY_REGISTRY: ${why}`);
    const config = file('keyway.yaml', FROM_REGISTRY);
    for (const command of [
      ['explain', 'demo/hello'],
      ['plan', config],
    ])
      await expect(printed(...command, '--config', config), command[0]).rejects.toThrow(`registry: ${why}`);
    writeFileSync(typo, '');
    await expect(printed('status')).rejects.toThrow(why);
    expect(files()).toEqual(['typo.sqlite']);
    expect(statSync(typo).size).toBe(0);
  });

  it('is made by what creates a cluster, and by nothing that has a fault', async () => {
    const registry = (name: string): string => `sqlite:${join(folder, name)}`;
    const faulty = file('faulty.yaml', 'cluster: docs\nshards: 7\n');
    await expect(printed('topology', 'apply', faulty, '--registry', registry('typo'))).rejects.toThrow('shards');
    await expect(printed(...CREATE, '--hash-on', 'colour', '--registry', registry('typo'))).rejects.toThrow('hashOn');
    expect(files()).toEqual([]);
    await printed('topology', 'apply', file('docs.yaml', yaml), '--registry', registry('one.sqlite'));
    await printed('ns', 'create', 'team', '--registry', registry('two.sqlite'));
    expect(await printed('cluster', 'list', '--registry', registry('one.sqlite'))).toContain('docs');
    expect(await printed('ns', 'list', '--registry', registry('two.sqlite'))).toContain('team');
  });
});

describe('a file of the wrong kind', () => {
  it('is named', async () => {
    const data = file('data.yaml', 'text, and long enough to be taken for a page of a database '.repeat(100));
    await expect(printed('status', '--registry', `sqlite:${data}`)).rejects.toThrow(`${data} is not a SQLite database`);
    await expect(printed('import', 'envoy', folder)).rejects.toThrow(`${folder}: is a folder, not a file`);
  });
});

describe('validate', () => {
  it('checks every file, even after a faulty one', async () => {
    const [wrong, right] = [file('wrong.yaml', 'listen: 7'), file('right.yaml', CONFIG)];
    const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    expect(await printed('validate', wrong, right)).toBe(`${right} is a valid config\n`);
    expect(String(written.mock.calls[0])).toContain(`${wrong}:1:9 listen`);
    expect(process.exitCode).toBe(2);
    process.exitCode = undefined;
    written.mockClear();
    const twice = file('twice.yaml', 'cluster: docs\nshards: [{id: s0, address: "h:1"}, {id: s0, address: "h:1"}]\n');
    await printed('validate', twice);
    expect(written.mock.calls.map(String)).toEqual([
      `keyway: ${twice}:2:41 shards.1.id: s0 appears more than once; ids are unique in a cluster\n`,
    ]);
    process.exitCode = undefined;
  });

  it('checks configs of controllers', async () => {
    const text = 'registry: {remote: {address: "h:9200"}}\nclusters: {cache: {engine: redis, nodes: ["h:7000"]}}\n';
    const right = file('controller.yaml', text);
    expect(await printed('validate', right)).toBe(`${right} is a valid config of a controller\n`);
    const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const wrong = file('wrong.yaml', text.replace('h:7000', 'h:0'));
    await printed('validate', wrong);
    expect(String(written.mock.calls[0])).toContain(`${wrong}:2:43 clusters.cache.nodes.0`);
    process.exitCode = undefined;
  });
});

describe('reload', () => {
  it.each([
    ['speaks no HTTP', 'garbage\r\n', 'it does not speak HTTP/1.1'],
    ['is another service', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 'it answers something else'],
    ['is its endpoint', 'HTTP/1.1 400 Bad Request\r\nContent-Length: 6\r\n\r\nno key', 'it answers 400: no key'],
    ['answers other JSON', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}', 'give that with --admin'],
  ])('says that something that %s is not a router', async (_, answer, why) => {
    const server = createTcpServer((socket) => socket.on('error', () => {}).on('data', () => socket.end(answer)));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const admin = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    await expect(printed('reload', '--admin', admin)).rejects.toThrow(
      new RegExp(`^${admin} is not a router's admin address: .*${why}`),
    );
    server.close();
  });
});

describe('explain and plan', () => {
  it('take the registry or a config', async () => {
    await printed(...CREATE);
    const config = file('keyway.yaml', CONFIG);
    expect(await printed('explain', 'demo/hello')).toMatch(/^demo\/hello\t\d+\ts[01]\t127\.0\.0\.1:[12]\n$/);
    expect(await printed('explain', '--config', config, 'demo/hello')).toMatch(/\ts[19]\t/);
    const topology = file('docs.yaml', await printed('topology', 'get'));
    expect(await printed('plan', topology)).toMatch(/^docs: 0\.0% of the keys move\n/);
    expect(await printed('plan', config)).toMatch(/\ns9 +- +\d+\.\d%/);
    expect(await printed('plan', topology, '--config', config)).toMatch(/\ns9 +\d+\.\d% +-/);
    expect(await printed('validate', topology, config)).toBe(
      `${topology} is a valid topology\n${config} is a valid config\n`,
    );
  });
});

describe('explain --redis', () => {
  const REDIS = `listen: [{address: 127.0.0.1:8080}]
routes: [{match: {prefix: /}, cluster: cache}]
clusters: {cache: {placement: {slots: {}}, shards: [{id: s0, address: "h:1"}, {id: s1, address: "h:2"}]}}
`;
  const explain = (...words: string[]): Promise<string> =>
    printed('explain', '--config', file('redis.yaml', REDIS), '--redis', ...words);

  it('says what becomes of a command, and which shards own its keys', async () => {
    expect(await explain('MGET', 'a', 'b')).toBe(
      'mget\tdivided among the shards of its keys\na\t15495\ts1\th:2\nb\t3300\ts0\th:1\n',
    );
    expect(await explain('config', 'set', 'a', 'b')).toMatch(/^config set\trefused: ERR CONFIG SET is refused/);
    expect(await explain('ping')).toBe('ping\tanswered by the router\n');
    expect(JSON.parse(await explain('--json', 'set', '{a}x', '1'))).toEqual({
      command: 'set',
      becomes: 'sent to the shard of its keys',
      keys: [{ key: '{a}x', hash: '15495', shard: 's1', address: 'h:2' }],
    });
  });

  it('says what is refused, and why', async () => {
    expect(await explain('rename', 'a', 'b')).toMatch(/^rename\trefused with CROSSSLOT/);
    expect(await explain('get')).toBe('get\trefused: it has a wrong number of arguments\n');
    expect(await explain('eval', 'x', '9', 'a')).toBe('eval\tsent to any shard, which refuses its arguments\n');
    await expect(explain('nothing')).rejects.toThrow('Keyway does not know the Redis command nothing');
  });
});

describe('config upgrade', () => {
  const OLD = `${CONFIG}drain: {windowMs: 5000} # for now\nlimits: {maxUnsentBytes: 1048576}\n`;
  const NEW = `${CONFIG}drain: {window: 5s} # for now\nlimits: {maxUnsent: 1MiB}\n`;

  it('rewrites configs, topologies and task files in place', async () => {
    const files = [
      file('keyway.yaml', OLD),
      file('docs.yaml', 'cluster: docs\nshards: [{id: s0, address: "h:1"}]\nfailover: {afterMs: 10000}\n'),
      file('shard.yaml', 'tasks: {tombstones: {afterMs: 60000, timeLimitMs: 500}, expiry: false}\n'),
      file('node.yaml', 'projectsEveryMs: 500\nbackend: {grpc: {address: "h:1"}}\ntasks: {sweep: {everyMs: 90000}}\n'),
    ];
    expect(await printed('config', 'upgrade', ...files)).toContain(`${files[0]}:4 windowMs: 5000 -> window: 5s\n`);
    expect(files.map((each) => readFileSync(each, 'utf8'))).toEqual([
      NEW,
      'cluster: docs\nshards: [{id: s0, address: "h:1"}]\nfailover: {after: 10s}\n',
      'tasks: {tombstones: {after: 1m, timeLimit: 500ms}, expiry: false}\n',
      'projectsEvery: 500ms\nbackend: {grpc: {address: "h:1"}}\ntasks: {sweep: {every: 90s}}\n',
    ]);
    expect(await printed('validate', files[0] as string, files[1] as string)).toContain('is a valid topology');
    expect(await printed('config', 'upgrade', '--check', ...files)).toBe(
      files.map((each) => `${each} is up to date\n`).join(''),
    );
  });

  it('only reports with --check, writes elsewhere with --output, and writes nothing if one file is faulty', async () => {
    const [config, faulty] = [file('keyway.yaml', OLD), file('faulty.yaml', 'listen: [')];
    await expect(printed('config', 'upgrade', config, '--check')).rejects.toThrow(`upgrade ${config} is needed`);
    await expect(printed('config', 'upgrade', config, faulty)).rejects.toThrow('not YAML');
    await expect(printed('config', 'upgrade', file('x.yaml', 'a: 1'))).rejects.toThrow('is not a config, a topology');
    vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    expect(await printed('config', 'upgrade', config, '--output', '-')).toBe(NEW);
    await printed('config', 'upgrade', config, '--output', join(folder, 'new.yaml'));
    expect(readFileSync(join(folder, 'new.yaml'), 'utf8')).toBe(NEW);
    expect(readFileSync(config, 'utf8')).toBe(OLD);
  });

  it('has a counterpart for options: the unit belongs in the value', async () => {
    const discover = ['discover', '--cluster', 'docs', '--nodes'];
    await expect(printed(...discover, '--gone-after', '300')).rejects.toThrow('--gone-after 300: write a time such as');
    await expect(printed(...discover, '--gone-after-ms', '300')).rejects.toThrow(
      '--gone-after-ms is --gone-after now, with a unit: write --gone-after 5s',
    );
  });
});

describe('discover --dry-run', () => {
  it('says what would change, what was put there by hand, and changes nothing', async () => {
    await printed(...CREATE);
    const found = file('shards.yaml', 'shards: [{id: s1, address: "127.0.0.1:2"}, {id: s2, address: "127.0.0.1:3"}]');
    expect(await printed('discover', '--cluster', 'docs', '--file', found, '--dry-run')).toMatch(
      /^remove {2}s0 127\.0\.0\.1:1, weight 1 \(added by hand: replaced only with --take-over\)\nadd {5}s2 .*\n\d+\.\d% of the keys would move\n$/,
    );
    expect(await printed('cluster', 'show', 'docs')).toContain('docs at version 1');
    const empty = file('faulty.yaml', 'shards: nothing');
    await expect(printed('discover', '--cluster', 'docs', '--file', empty, '--dry-run')).rejects.toThrow('give a list');
  });
});

describe('the token that is shown to a registry', () => {
  it('is that of the flag, of the environment, or of the config', () => {
    const registry = '127.0.0.1:9200';
    vi.stubEnv('XDG_CONFIG_HOME', folder);
    expect(chosenRegistry({ registry })).toEqual({ remote: { address: registry } });
    vi.stubEnv('KEYWAY_TOKEN', 'secret');
    expect(chosenRegistry({ registry })).toEqual({ remote: { address: registry, token: 'secret' } });
    vi.stubEnv('KEYWAY_TOKEN_FILE', file('theirs', 'theirs'));
    expect(chosenRegistry({ registry })).toEqual({ remote: { address: registry, token: 'theirs' } });
    const tokenFile = file('mine', 'mine');
    expect(chosenRegistry({ registry, tokenFile })).toEqual({ remote: { address: registry, token: 'mine' } });
    expect(() => chosenRegistry({ registry: 'sqlite:a', tokenFile: 'mine' })).toThrow('--token-file is for a registry');
  });
});

describe('the token that a config names', () => {
  it('is shown where neither flag nor environment has another', () => {
    vi.stubEnv('XDG_CONFIG_HOME', folder);
    vi.stubEnv('KEYWAY_REGISTRY', '');
    mkdirSync(join(folder, 'keyway'));
    file('keyway/config.yaml', "registry: {remote: {address: 'registry.test:9200', tokenFile: token}}\n");
    const remote = { address: 'registry.test:9200', tokenFile: join(folder, 'keyway', 'token') };
    expect(chosenRegistry({})).toEqual({ remote });
    vi.stubEnv('KEYWAY_TOKEN_FILE', file('theirs', 'theirs'));
    expect(chosenRegistry({})).toEqual({ remote: { ...remote, token: 'theirs' } });
  });
});

describe('a registry that cannot be used', () => {
  it('is reported with what named it: an option, a variable, or the config', async () => {
    await expect(printed('status', '--registry', 'here')).rejects.toThrow('--registry: "here" is not a registry');
    await expect(printed('status', '--registry', 'sqlite:')).rejects.toThrow('--registry: "sqlite:" is not a registry');
    await expect(printed('status', '--registry', 'http://h:1')).rejects.toThrow('--registry: "http://h:1" is not a');
    vi.stubEnv('KEYWAY_REGISTRY', 'there');
    await expect(printed('status')).rejects.toThrow('KEYWAY_REGISTRY: "there" is not a registry');
    vi.stubEnv('KEYWAY_REGISTRY', '127.0.0.1:1');
    const away = `127.0.0.1:1 does not answer: nothing listens there. Is keyway dev or keyway registry running?`;
    await expect(printed('status')).rejects.toThrow(`${away} KEYWAY_REGISTRY names it; use --registry for another`);
    await expect(printed('status', '--registry', '127.0.0.1:1')).rejects.toThrow(`${away} Use --registry for another`);
    vi.stubEnv('KEYWAY_TOKEN_FILE', '/nowhere');
    await expect(printed('status')).rejects.toThrow('KEYWAY_TOKEN_FILE /nowhere: there is no such file');
    await expect(printed('status', '--token-file', '/none')).rejects.toThrow('--token-file /none: there is no such');
    vi.stubEnv('KEYWAY_TOKEN_FILE', undefined);
    vi.stubEnv('KEYWAY_REGISTRY', undefined);
    vi.stubEnv('XDG_CONFIG_HOME', folder);
    mkdirSync(join(folder, 'keyway'));
    const config = file('keyway/config.yaml', 'registry: here\n');
    await expect(printed('status')).rejects.toThrow(`${config} registry: "here" is not a registry`);
    file('keyway/config.yaml', 'registry: 127.0.0.1:1\n');
    await expect(printed('status')).rejects.toThrow(`${away} ${config} names it; use --registry`);
  });
});

describe('a repeated note', () => {
  it('is written once, and then with the number of repetitions', () => {
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const notes = new Notes();
    for (const text of ['a', 'a', 'a', 'b']) notes.write(text);
    notes.end();
    const written = write.mock.calls.map(([part]) => String(part)).join('');
    write.mockRestore();
    expect(written).toBe('a\n(the same 2 times more)\nb\n');
  });
});

describe('kv', () => {
  it('says that nothing answered, and leaves the messages of routers and shards as they are', async () => {
    const router = createServer();
    router.on('stream', (stream: ServerHttp2Stream) => {
      const answer = { 'content-type': 'application/grpc', 'grpc-status': '14', 'grpc-message': 'shard s2 is down' };
      stream.respond({ ':status': 200, ...answer }, { endStream: true });
    });
    await once(router.listen(0, '127.0.0.1'), 'listening');
    const endpoint = `127.0.0.1:${(router.address() as AddressInfo).port}`;
    const get = () => printed('kv', 'get', 'demo/x', '--endpoint', endpoint);
    await expect(get()).rejects.toThrow(/^UNAVAILABLE: shard s2 is down$/);
    await new Promise((resolve) => router.close(resolve));
    await expect(get()).rejects.toThrow(
      `UNAVAILABLE: ${endpoint} does not answer: nothing listens there. Is keyway dev, or the router, running at ${endpoint}? Use --endpoint for another`,
    );
  });
});

describe('watch', () => {
  it('says in words what a member is and does', () => {
    const node = {
      address: '127.0.0.1:9101',
      role: 'primary',
      healthy: true,
      acknowledged: { to: 2, attempt: 1, step: 'hold' },
    };
    expect(valueText('node', node)).toBe('at 127.0.0.1:9101 is healthy');
    expect(valueText('node', { ...node, healthy: false, role: 'replica' })).toBe(
      'at 127.0.0.1:9101 is unhealthy, a replica',
    );
    const listen = [{ host: '127.0.0.1', port: 8080 }];
    const router = {
      versions: { 'default/docs': 3 },
      acknowledged: {},
      admin: { host: '127.0.0.1', port: 9901 },
      listen,
    };
    expect(valueText('router', router)).toBe('at 127.0.0.1:8080 serves default/docs@3');
  });
});

describe('completion', () => {
  it('gives a shell the commands and options that come next', async () => {
    const script = await printed('completion', 'bash');
    const complete = (...words: string[]): string => {
      const line = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}`;
      const ask = `${line}; _keyway; echo "\${COMPREPLY[@]}"`;
      return execFileSync('bash', ['-c', `${script}\n${ask}`], { encoding: 'utf8' }).trim();
    };
    expect(complete('keyway', 'rout')).toBe('router');
    expect(complete('keyway', 'kv', 'g')).toBe('get');
    expect(complete('keyway', 'kv', 'put', 'demo/x', '--rev')).toBe('--revision');
    expect(await printed('completion', 'fish')).toContain("-n '__fish_seen_subcommand_from kv; and ");
    expect(await printed('completion', 'zsh')).toMatch(/^#compdef keyway\n/);
  });
});

describe('colours', () => {
  const written = (stream: NodeJS.WriteStream, action: () => unknown): string => {
    const write = vi.spyOn(stream, 'write').mockReturnValue(true);
    action();
    const text = write.mock.calls.map(([part]) => String(part)).join('');
    write.mockRestore();
    return text;
  };

  it('are shown on terminals, and not where NO_COLOR is set', async () => {
    const fault = (): string => written(process.stderr, () => writeFault('one\ntwo'));
    const { isTTY, getColorDepth } = process.stderr;
    // The environment is the test's own: a machine that builds may say by its own (`CI`) that nothing is coloured.
    const onTerminalWith = (env: NodeJS.ProcessEnv): void => {
      const depth = WriteStream.prototype.getColorDepth.call(process.stderr, env);
      Object.assign(process.stderr, { isTTY: true, getColorDepth: () => depth });
    };
    vi.stubEnv('NO_COLOR', undefined);
    vi.stubEnv('FORCE_COLOR', undefined);
    onTerminalWith({ TERM: 'xterm' });
    expect(fault()).toBe('\x1b[31mkeyway:\x1b[39m one\n\x1b[31mkeyway:\x1b[39m two\n');
    onTerminalWith({ TERM: 'xterm', NO_COLOR: '1' });
    vi.stubEnv('NO_COLOR', '1');
    expect(fault()).toBe('keyway: one\nkeyway: two\n');
    Object.assign(process.stderr, { isTTY, getColorDepth });
  });
});
