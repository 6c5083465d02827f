import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { type RouterUnderTest, startRouter } from '../support/cluster.ts';
import { Commands } from '../support/commands.ts';
import { freePorts, type Running, type Scope } from '../support/processes.ts';
import { PATIENCE, served } from '../support/registries.ts';

const KEYS = Array.from({ length: 16 }, (_, i) => `demo/d${i}`);

/** What a backend of the examples has written down of a request. */
interface Served {
  readonly key: string;
  /** Seconds of the machine's clock. */
  readonly begun: number;
  readonly ended: number;
  readonly shard: string;
}

interface Reply {
  readonly status: number;
  readonly text: string;
}

/** Where a backend of an example is, what all of them share, and a file for what it has served. */
interface Place {
  readonly id: string;
  readonly port: number;
  /** Where it is called for each step. */
  readonly agentPort: number;
  readonly registry: string;
  readonly data: string;
  readonly log: string;
}

/** How it is started. */
interface Start {
  readonly command: readonly string[];
  /** It registers itself: it is not called. */
  readonly registers?: true;
}

/** What one client knows of its key. */
interface Written {
  acknowledged: string;
  /** Sent, and perhaps not carried out. */
  sent: string;
}

/** Backends of an example, each in its own process, behind a router. */
export class ExampleCluster {
  readonly shards: Array<{
    readonly id: string;
    readonly address: string;
    readonly log: string;
    readonly node: Running;
  }> = [];
  readonly #scope: Scope;
  readonly #commands: Commands;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #written = new Map(KEYS.map((key): [string, Written] => [key, { acknowledged: '', sent: '' }]));
  #router: RouterUnderTest | null = null;
  #failed: readonly string[] = [];

  private constructor(scope: Scope, registry: string) {
    this.#scope = scope;
    this.#commands = new Commands(registry);
    scope.defer(() => this.#agent.destroy());
  }

  static async start(scope: Scope, shards: number, start: (place: Place) => Start): Promise<ExampleCluster> {
    const { address: registry } = await served(scope);
    const cluster = new ExampleCluster(scope, registry);
    const folder = scope.folder();
    const ports = await freePorts(2 * shards);
    for (const [i, port] of ports.slice(shards).entries()) {
      const agentPort = ports[i] as number;
      const [id, address, log] = [`s${i}`, `127.0.0.1:${port}`, join(folder, `served-${i}.jsonl`)];
      const { command, registers = false } = start({ id, port, agentPort, registry, data: join(folder, 'docs'), log });
      const [program, ...args] = command as [string, ...string[]];
      const where = ['--cluster', 'docs', '--shard', id, '--address', address, '--registry', registry, '--lease', '9s'];
      const how = ['--participant', `http://127.0.0.1:${agentPort}`, '--health', 'http', '--check', '200ms'];
      const node = registers
        ? scope.run(program, args)
        : scope.keyway(['node', 'register', ...where, ...how, '--', ...command]);
      // It takes its backend along.
      scope.defer(() => node.end());
      cluster.shards.push({ id, address, log, node });
    }
    await Promise.all(cluster.shards.map(({ node }) => node.printed(/the node is registered/)));
    await cluster.apply(2);
    const keepIn = scope.folder();
    cluster.#router = await startRouter(scope, {
      shards: [],
      registry: { remote: { address: registry }, keepIn },
      upstream: { protocol: 'http1' },
    });
    return cluster;
  }

  /** Hands over to the first so many. */
  async apply(shards: number): Promise<void> {
    const list = this.shards.slice(0, shards).map(({ id, address }) => ({ id, address }));
    const document = {
      cluster: 'docs',
      placement: { fixedRing: {} },
      hashOn: 'id',
      shards: list,
      failover: { after: '1s' },
    };
    await this.#commands.done('topology', 'apply', this.#scope.file('docs.json', JSON.stringify(document)));
  }

  async #ask(method: string, key: string, body = ''): Promise<Reply> {
    const { port } = this.#router as RouterUnderTest;
    const headers = { 'x-shard-key': key };
    const sent = httpRequest({ host: '127.0.0.1', port, method, path: `/docs/${key}`, headers, agent: this.#agent });
    // Without a length that is known before.
    if (body !== '') sent.write(body);
    sent.end();
    try {
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      let text = '';
      for await (const part of response) text += String(part);
      return { status: response.statusCode ?? 0, text };
    } catch (error) {
      return { status: 0, text: String(error) };
    }
  }

  /** Has a client for each key write and read, until it is stopped. @returns what failed */
  load(): { stop(): Promise<string[]> } {
    let isOver = false;
    const failed: string[] = [];
    this.#failed = failed;
    const running = [...this.#written].map(async ([key, written]) => {
      for (let n = 0; !isOver; n++) {
        const value = `${key} ${n}`;
        written.sent = value;
        const put = await this.#ask('PUT', key, value);
        if (put.status === 200) written.acknowledged = value;
        else failed.push(`PUT ${key}: ${put.status} ${put.text}`);
        const get = await this.#ask('GET', key);
        if (get.status !== 200) failed.push(`GET ${key}: ${get.status} ${get.text}`);
        else if (get.text !== written.acknowledged && get.text !== written.sent)
          failed.push(`GET ${key}: ${get.text} in place of ${written.acknowledged}`);
      }
    });
    return {
      stop: async () => {
        isOver = true;
        await Promise.all(running);
        return failed;
      },
    };
  }

  /** Resolves once all keys are served. */
  async allServed(): Promise<void> {
    for (const key of KEYS)
      await vi.waitFor(async () => expect((await this.#ask('GET', key)).status).toBe(200), PATIENCE);
  }

  /** Everything that was acknowledged is there, once nobody writes any more. */
  async checkNothingIsLost(): Promise<void> {
    for (const [key, { acknowledged, sent }] of this.#written) {
      const { status, text } = await this.#ask('GET', key);
      expect([key, status, text]).toEqual([key, 200, text === sent ? sent : acknowledged]);
    }
  }

  /** What backends have served so far. */
  served(): Served[] {
    return this.shards.flatMap(({ id, log }) => {
      const lines = existsSync(log) ? readFileSync(log, 'utf8').split('\n') : [];
      // The last one may be incomplete.
      return lines.slice(0, -1).map((line) => ({ ...(JSON.parse(line) as Served), shard: id }));
    });
  }

  /** Resolves once so many more requests were served. */
  async servedMore(requests: number): Promise<void> {
    const before = this.served().length;
    await vi.waitFor(() => {
      const more = this.served().length - before;
      if (more < requests) throw new Error(`${more} were served; what failed: ${this.#failed.slice(-3).join('; ')}`);
    }, PATIENCE);
  }

  /** Keys that two backends served at once. */
  servedByTwo(): string[] {
    const all = Map.groupBy(this.served(), ({ key }) => key);
    return [...all.values()].flatMap((ofKey) => {
      const ordered = ofKey.sort((a, b) => a.begun - b.begun);
      return ordered.flatMap((one, i) => {
        const next = ordered.slice(i + 1).find(({ shard }) => shard !== one.shard);
        return next !== undefined && next.begun < one.ended ? [`${one.key} by ${one.shard} and ${next.shard}`] : [];
      });
    });
  }
}

/** Moves keys there and back under load, then kills a backend: what both examples have to stand. */
export async function checkExample(cluster: ExampleCluster): Promise<void> {
  const calls = cluster.load();
  await cluster.servedMore(100);
  await cluster.apply(3);
  await cluster.servedMore(100);
  await cluster.apply(2);
  await cluster.servedMore(100);
  expect(await calls.stop()).toEqual([]);
  expect(new Set(cluster.served().map(({ shard }) => shard))).toEqual(new Set(['s0', 's1', 's2']));
  expect(cluster.servedByTwo()).toEqual([]);
  await cluster.checkNothingIsLost();
}

/** Its keys go to another shard, with everything that was acknowledged. @param pid of the backend */
export async function checkKill(cluster: ExampleCluster, pidOf: (node: Running) => number): Promise<void> {
  const calls = cluster.load();
  await cluster.servedMore(50);
  process.kill(pidOf((cluster.shards[1] as (typeof cluster.shards)[0]).node), 'SIGKILL');
  await cluster.allServed();
  await calls.stop();
  await cluster.checkNothingIsLost();
  expect(cluster.servedByTwo()).toEqual([]);
}
