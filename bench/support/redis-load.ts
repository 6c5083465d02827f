import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What clients ask, and how it is counted. */
export interface RedisCase {
  readonly name: string;
  /** As redis-benchmark takes it. */
  readonly args: readonly string[];
  /** Keys that a command reads; 0: it writes one. */
  readonly keysRead: number;
  readonly pipeline: number;
}

/** More commands than a run takes. */
const ENDLESS = 2_000_000_000;
/** How long what is in flight takes to be answered once no more is asked. */
const DRAIN_MS = 20;

/** A redis-benchmark that runs in turns: between them it is stopped, with its connections open. */
export class RedisLoad {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Starts clients, and lets them run for a while. */
  static async start(
    port: number,
    clients: number,
    { args, pipeline }: RedisCase,
    warmUpMs: number,
  ): Promise<RedisLoad> {
    // Keys are many, so that all shards have some.
    const options = ['-h', '127.0.0.1', '-p', String(port), '-c', String(clients), '-P', String(pipeline)];
    const child = spawn('redis-benchmark', [...options, '-n', String(ENDLESS), '-r', '100000', '-q', ...args], {
      stdio: 'ignore',
    });
    const load = new RedisLoad(child);
    await sleep(warmUpMs);
    await load.#stop();
    return load;
  }

  async run(forMs: number): Promise<void> {
    if (this.#child.exitCode !== null) throw new Error(`redis-benchmark ended with ${this.#child.exitCode}`);
    this.#child.kill('SIGCONT');
    await sleep(forMs);
    await this.#stop();
  }

  async #stop(): Promise<void> {
    this.#child.kill('SIGSTOP');
    await sleep(DRAIN_MS);
  }

  async close(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}

/** How many commands servers have carried out: they are counted there, because a proxy may make several of one. */
export class CommandCounter {
  readonly #servers: readonly Socket[];

  private constructor(servers: readonly Socket[]) {
    this.#servers = servers;
  }

  static async connect(ports: readonly number[]): Promise<CommandCounter> {
    const servers = ports.map((port) => connect(port, '127.0.0.1'));
    await Promise.all(servers.map((socket) => once(socket, 'connect')));
    return new CommandCounter(servers);
  }

  async count({ keysRead }: RedisCase): Promise<number> {
    let count = 0;
    for (const server of this.#servers) {
      const info = await ask(server, 'INFO everything');
      const numberOf = (pattern: RegExp): number => Number(pattern.exec(info)?.[1] ?? 0);
      if (keysRead === 0) count += numberOf(/^cmdstat_set:calls=(\d+)/m);
      else count += (numberOf(/^keyspace_hits:(\d+)/m) + numberOf(/^keyspace_misses:(\d+)/m)) / keysRead;
    }
    return count;
  }

  close(): void {
    for (const server of this.#servers) server.destroy();
  }
}

/** The answer to a command, a bulk string. */
async function ask(socket: Socket, command: string): Promise<string> {
  socket.write(`${command}\r\n`);
  let answer = '';
  let length = Number.POSITIVE_INFINITY;
  while (answer.length < length) {
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    answer += bytes.toString('latin1');
    const head = /^\$(\d+)\r\n/.exec(answer);
    if (head !== null) length = head[0].length + Number(head[1]) + 2;
  }
  return answer;
}
