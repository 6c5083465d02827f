import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import {
  arrayReply,
  bulkReply,
  type Command,
  errorReply,
  integerReply,
  mapReply,
  nullArray,
  nullReply,
  OK,
  type Protocol,
  QUEUED,
  REDIS_LIMITS,
  RequestReader,
  simpleReply,
} from '../../src/resp/index.ts';
import type { Scope } from '../support/processes.ts';

/** A connection to a `FakeRedis`. */
class FakeConnection {
  readonly id: number;
  protocol: Protocol = 2;
  /** Commands between MULTI and EXEC. */
  queued: string[][] | null = null;
  /** What it waits for: a list's name. */
  blockedOn: string | null = null;
  readonly channels = new Set<string>();
  watched = new Set<string>();
  /** A key that it watches was written. */
  isDirty = false;
  readonly socket: Socket;

  constructor(id: number, socket: Socket) {
    this.id = id;
    this.socket = socket;
  }
}

/**
 * A few commands of Redis in memory, for tests that look at what a server is told, or want it to answer oddly: where answers are what
 * matters, a real server is asked.
 */
export class FakeRedis {
  readonly id: string;
  port = 0;
  readonly values = new Map<string, string>();
  readonly lists = new Map<string, string[]>();
  /** All that it was told, word by word, connection by connection. */
  readonly told: Array<{ readonly connection: number; readonly words: readonly string[] }> = [];
  /** Answers instead, where it returns an answer; `null` is none at all. */
  instead: (words: readonly string[], connection: number) => Uint8Array | null | undefined = () => undefined;
  readonly connections = new Set<FakeConnection>();
  /** Ends it, with its connections. */
  end: () => void = () => {};
  #ids = 0;

  private constructor(id: string) {
    this.id = id;
  }

  static async start(scope: Scope, id: string): Promise<FakeRedis> {
    const fake = new FakeRedis(id);
    const server = createServer((socket) => fake.#accept(socket));
    fake.end = () => {
      server.close();
      for (const { socket } of fake.connections) socket.destroy();
    };
    scope.defer(() => fake.end());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    fake.port = (server.address() as AddressInfo).port;
    return fake;
  }

  /** How often it was told a command. */
  times(name: string): number {
    return this.told.filter(({ words }) => words[0]?.toUpperCase() === name).length;
  }

  #accept(socket: Socket): void {
    const connection = new FakeConnection(++this.#ids, socket);
    this.connections.add(connection);
    const reader = new RequestReader(
      {
        onCommand: (command) => this.#onCommand(connection, wordsOf(command)),
        onLargeCommand: () => 'collect',
        onContent: () => {},
        onTooLarge: () => socket.destroy(),
        onFault: ({ message }) => socket.end(errorReply(message)),
      },
      REDIS_LIMITS,
    );
    socket.on('error', () => {});
    socket.on('close', () => this.connections.delete(connection));
    socket.on('data', (bytes: Buffer) => reader.receive(bytes, 0, bytes.length));
  }

  #onCommand(connection: FakeConnection, words: string[]): void {
    this.told.push({ connection: connection.id, words });
    const { socket, queued } = connection;
    const name = (words[0] ?? '').toUpperCase();
    const instead = this.instead(words, connection.id);
    if (instead !== undefined) {
      if (instead !== null) socket.write(instead);
    } else if (queued !== null && !['EXEC', 'DISCARD', 'MULTI'].includes(name)) {
      queued.push(words);
      socket.write(QUEUED);
    } else {
      const answer = this.#answer(connection, words);
      if (answer !== null) socket.write(answer);
    }
  }

  #answer(connection: FakeConnection, [name = '', ...args]: string[]): Uint8Array | null {
    const { protocol } = connection;
    const [key = '', value = ''] = args;
    switch (name.toUpperCase()) {
      case 'HELLO':
        connection.protocol = Number(key) as Protocol;
        return mapReply([bulkReply('server'), bulkReply('redis')], connection.protocol);
      case 'AUTH':
      case 'ASKING':
        return OK;
      case 'PING':
        return simpleReply('PONG');
      case 'CLIENT':
        return this.#client(connection, key, value);
      case 'SET':
        this.#write(key, value);
        return OK;
      case 'GET':
        return this.#value(key, protocol);
      case 'INCR':
        this.#write(key, String(Number(this.values.get(key) ?? 0) + 1));
        return integerReply(Number(this.values.get(key)));
      case 'MGET':
        return arrayReply(args.map((each) => this.#value(each, protocol)));
      case 'MSET':
        for (let i = 0; i < args.length; i += 2) this.values.set(args[i] as string, args[i + 1] as string);
        return OK;
      case 'DEL':
        return integerReply(args.filter((each) => this.values.delete(each)).length);
      case 'DBSIZE':
        return integerReply(this.values.size);
      case 'KEYS':
        return arrayReply([...this.values.keys()].map(bulkReply));
      case 'SCAN':
        return arrayReply([bulkReply('0'), arrayReply([...this.values.keys()].map(bulkReply))]);
      case 'BLPOP':
        return this.#pop(connection, key);
      case 'RPUSH':
        return this.#push(key, value);
      case 'MULTI':
        connection.queued = [];
        return OK;
      case 'EXEC':
        return this.#exec(connection);
      case 'WATCH':
        for (const each of args) connection.watched.add(each);
        return OK;
      case 'UNWATCH':
        forgetWatched(connection);
        return OK;
      case 'SUBSCRIBE':
      case 'UNSUBSCRIBE':
        return this.#subscribe(connection, name.toLowerCase(), key);
      case 'PUBLISH':
        return this.#publish(key, value);
      default:
        return errorReply(`ERR unknown command '${name}'`);
    }
  }

  #write(key: string, value: string): void {
    this.values.set(key, value);
    for (const each of this.connections) each.isDirty ||= each.watched.has(key);
  }

  #value(key: string, protocol: Protocol): Uint8Array {
    const value = this.values.get(key);
    return value === undefined ? nullReply(protocol) : bulkReply(value);
  }

  #client({ id, protocol }: FakeConnection, subcommand: string, argument: string): Uint8Array {
    if (subcommand.toUpperCase() === 'ID') return integerReply(id);
    if (subcommand.toUpperCase() !== 'UNBLOCK') return OK;
    const blocked = [...this.connections].find((each) => each.id === Number(argument) && each.blockedOn !== null);
    if (blocked === undefined) return integerReply(0);
    blocked.blockedOn = null;
    blocked.socket.write(nullArray(protocol));
    return integerReply(1);
  }

  #pop(connection: FakeConnection, key: string): Uint8Array | null {
    const value = this.lists.get(key)?.shift();
    if (value !== undefined) return arrayReply([bulkReply(key), bulkReply(value)]);
    connection.blockedOn = key;
    return null;
  }

  #push(key: string, value: string): Uint8Array {
    const waiting = [...this.connections].find(({ blockedOn }) => blockedOn === key);
    if (waiting === undefined) this.lists.set(key, [...(this.lists.get(key) ?? []), value]);
    else {
      waiting.blockedOn = null;
      waiting.socket.write(arrayReply([bulkReply(key), bulkReply(value)]));
    }
    return integerReply(1);
  }

  #exec(connection: FakeConnection): Uint8Array {
    const commands = connection.queued ?? [];
    const { isDirty, protocol } = connection;
    connection.queued = null;
    forgetWatched(connection);
    if (isDirty) return nullArray(protocol);
    return arrayReply(commands.map((words) => this.#answer(connection, words) as Uint8Array));
  }

  #subscribe(connection: FakeConnection, word: string, channel: string): Uint8Array {
    if (word === 'subscribe') connection.channels.add(channel);
    else connection.channels.delete(channel);
    return arrayReply([bulkReply(word), bulkReply(channel), integerReply(connection.channels.size)]);
  }

  #publish(channel: string, message: string): Uint8Array {
    const listening = [...this.connections].filter(({ channels }) => channels.has(channel));
    for (const { socket } of listening)
      socket.write(arrayReply([bulkReply('message'), bulkReply(channel), bulkReply(message)]));
    return integerReply(listening.length);
  }
}

function forgetWatched(connection: FakeConnection): void {
  connection.watched.clear();
  connection.isDirty = false;
}

function wordsOf(command: Command): string[] {
  return Array.from({ length: command.count }, (_, i) => command.text(i));
}
