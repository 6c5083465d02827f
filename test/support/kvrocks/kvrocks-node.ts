import { once } from 'node:events';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import {
  arrayReply,
  bulkReply,
  type Command,
  errorReply,
  integerReply,
  mapReply,
  OK,
  type Protocol,
  REDIS_LIMITS,
  RequestReader,
} from '../../../src/resp/index.ts';
import { checkServed, cluster, clusterx } from './cluster-commands.ts';
import { ClusterState } from './cluster-state.ts';
import { dataCommands } from './data-commands.ts';
import { DataLog } from './data-log.ts';
import { infoOf } from './info.ts';
import { KvrocksError } from './kvrocks-error.ts';
import { Feeder, MasterLink } from './replication.ts';
import { SlotImporter, SlotMigrator } from './slot-migration.ts';
import { slotsIn } from './slots.ts';

/** How a node is started. */
export interface KvrocksOptions {
  readonly host: string;
  readonly port: number;
  /** What it knows and has is in there. */
  readonly folder: string;
  /** The configuration's `requirepass` and `masterauth`; empty: none. */
  readonly password: string;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
}

/** What a client has said of itself. */
export interface Session {
  protocol: Protocol;
  isAdmin: boolean;
  isReadOnly: boolean;
  isAsking: boolean;
  /** It is another server, which brings slots. */
  isImporting: boolean;
  onClose: () => void;
  readonly socket: Socket;
  /** Writes what a promise brings. */
  answerLater(answer: Promise<Uint8Array>): void;
  /** Resolves with the answer of what has taken too long. */
  after(ms: number): Promise<Uint8Array>;
}

/**
 * A server that speaks CLUSTERX as Apache Kvrocks does, for tests of what leads Kvrocks: written from the sources of Kvrocks 2.10 (src/cluster, src/commands),
 * with their error texts. Its data is a map and a log in a file, in place of RocksDB; what its servers say to each other while they replicate is its own.
 */
export class KvrocksNode {
  readonly state: ClusterState;
  readonly data: DataLog;
  readonly migrator: SlotMigrator;
  readonly importer: SlotImporter;
  readonly clock: () => number;
  readonly #options: KvrocksOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #feeders = new Set<Feeder>();
  #link: MasterLink | null = null;

  constructor(options: KvrocksOptions) {
    const { port, folder, password, clock } = options;
    this.#options = options;
    this.clock = clock;
    this.data = new DataLog(folder, clock);
    this.migrator = new SlotMigrator(this.data, password, (range, address) => {
      for (const slot of slotsIn(range)) this.state.migrated.set(slot, address);
    });
    this.importer = new SlotImporter(this.data);
    this.state = new ClusterState(port, {
      follow: (master) => this.#follow(master),
      clearSlots: (range) => this.data.write({ kind: 'clear', range }),
      moving: () => ({ away: this.migrator.range, to: this.migrator.destination, coming: this.importer.coming }),
    });
    this.#server = createServer((socket) => this.#accept(socket));
    this.#readTopology();
  }

  async listen(): Promise<void> {
    this.#server.listen(this.#options.port, this.#options.host);
    await once(this.#server, 'listening');
  }

  close(): void {
    this.#server.close();
    this.#link?.end();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** It is a master, by its topology and by whom it follows. */
  get isMaster(): boolean {
    return this.state.myself !== null && this.state.myself.masterId === null && this.#link === null;
  }

  #follow(master: { readonly host: string; readonly port: number } | null): void {
    if (master !== null && this.#link?.host === master.host && this.#link.port === master.port) return;
    if (master === null && this.#link === null) return;
    this.#link?.end();
    this.#link = null;
    if (master === null) this.data.becomeMaster();
    else {
      const { password, port } = this.#options;
      // A slot that is on its way goes on, until a whole copy takes the place of what it has.
      this.#link = new MasterLink(master, this.data, password, port, this.clock, () => this.migrator.stop());
    }
  }

  get #topologyFile(): string {
    return join(this.#options.folder, 'nodes.conf');
  }

  keepTopology(): void {
    const { version, myId } = this.state;
    writeFileSync(`${this.#topologyFile}.tmp`, `${version}\n${myId}\n${this.state.text()}`);
    renameSync(`${this.#topologyFile}.tmp`, this.#topologyFile);
  }

  #readTopology(): void {
    if (!existsSync(this.#topologyFile)) return;
    const [version = '', id = '', ...lines] = readFileSync(this.#topologyFile, 'utf8').split('\n');
    this.state.myId = id;
    if (Number(version) >= 0) this.state.setNodes(lines.join('\n'), Number(version), false);
  }

  /** CLUSTER RESET. @throws KvrocksError */
  reset(): void {
    if (this.migrator.range !== null) throw new KvrocksError("Can't reset cluster while migrating slot");
    if (this.importer.coming !== null) throw new KvrocksError("Can't reset cluster while importing slot");
    if (this.data.keys().length > 0) throw new KvrocksError("Can't reset cluster while database is not empty");
    this.#follow(null);
    this.state.reset();
    rmSync(this.#topologyFile, { force: true });
  }

  movesInfo(): string {
    return this.migrator.info() + this.importer.info();
  }

  // ---- connections -----------------------------------------------------------------------------------------------------

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    const session: Session = {
      protocol: 2,
      isAdmin: this.#options.password === '',
      isReadOnly: false,
      isAsking: false,
      isImporting: false,
      onClose: () => {},
      socket,
      answerLater: (answer) => {
        reader.pause();
        void answer.catch(errorOf).then((reply) => {
          if (socket.writable) socket.write(reply);
          reader.resume();
        });
      },
      after: (ms) => new Promise((resolve) => setTimeout(resolve, ms, errorReply('ERR blocking timeout')).unref()),
    };
    const reader = new RequestReader(
      {
        onCommand: (command) => {
          const reply = this.#answer(session, wordsOf(command));
          if (reply.length > 0) socket.write(reply);
          if (command.is(0, 'psync')) reader.stop();
        },
        onLargeCommand: () => 'collect',
        onContent: () => {},
        onTooLarge: () => socket.destroy(),
        onFault: ({ message }) => socket.end(errorReply(message)),
      },
      REDIS_LIMITS,
    );
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#sockets.delete(socket);
      reader.stop();
      session.onClose();
    });
    socket.on('data', (bytes: Buffer) => reader.receive(bytes, 0, bytes.length));
  }

  #answer(session: Session, [name = '', ...args]: readonly string[]): Uint8Array {
    try {
      const word = name.toLowerCase();
      if (!session.isAdmin && word !== 'auth' && word !== 'hello')
        throw new KvrocksError('Authentication required.', 'NOAUTH');
      const own = this.#own(session, word, args);
      if (own !== null) return own;
      const command = dataCommands[word];
      if (command === undefined) {
        const shown = args.map((arg) => `\`${arg}\``).join('');
        throw new KvrocksError(`unknown command \`${name}\`, with args beginning with: ${shown}`);
      }
      if (args.length < command.leastArguments) throw new KvrocksError('wrong number of arguments');
      const keys = { none: [], first: args.slice(0, 1), all: args }[command.keys];
      checkServed(this, session, keys, command.isWrite);
      session.isAsking = false;
      if (command.isWrite && this.#link !== null)
        throw new KvrocksError("You can't write against a read only slave.", 'READONLY');
      return command.run(args, { data: this.data, protocol: session.protocol, nowMs: this.clock() });
    } catch (error) {
      return errorOf(error);
    }
  }

  /** @returns null: it is a command for keys, or none */
  #own(session: Session, word: string, args: readonly string[]): Uint8Array | null {
    switch (word) {
      case 'auth':
        return this.#auth(session, args.at(-1) ?? '');
      case 'hello':
        return this.#hello(session, args);
      case 'cluster':
        return cluster(this, session, args);
      case 'clusterx':
        return clusterx(this, session, args);
      case 'info':
        return bulkReply(infoOf(this.data, this.#link, this.#feeders, (args[0] ?? 'all').toLowerCase(), this.clock()));
      case 'config':
        return this.#config(args);
      case 'psync':
        return this.#feed(session, args);
      case 'readonly':
      case 'readwrite':
        session.isReadOnly = word === 'readonly';
        return OK;
      case 'asking':
        session.isAsking = true;
        return OK;
      case 'client':
        return args[0]?.toLowerCase() === 'id' ? integerReply(1) : OK;
      case 'select':
        return OK;
      default:
        return null;
    }
  }

  #auth(session: Session, password: string): Uint8Array {
    if (this.#options.password === '') throw new KvrocksError('Client sent AUTH, but no password is set');
    if (password !== this.#options.password) throw new KvrocksError('Invalid password');
    session.isAdmin = true;
    return OK;
  }

  /** HELLO [2|3 [AUTH name password]]. */
  #hello(session: Session, [version = String(session.protocol), auth, , password]: readonly string[]): Uint8Array {
    if (version !== '2' && version !== '3') throw new KvrocksError('unsupported protocol version', 'NOPROTO');
    if (auth?.toLowerCase() === 'auth') this.#auth(session, password ?? '');
    if (!session.isAdmin)
      throw new KvrocksError('HELLO must be called with the client already authenticated', 'NOAUTH');
    session.protocol = version === '3' ? 3 : 2;
    const parts = ['server', 'redis', 'proto', version, 'mode', 'cluster'].map((part) => bulkReply(part));
    return mapReply(parts, session.protocol);
  }

  /** Of all settings, how fast slots move. */
  #config([verb = '', name = '', value = '']: readonly string[]): Uint8Array {
    if (name.toLowerCase() !== 'migrate-speed') throw new KvrocksError(`Unsupported CONFIG parameter: ${name}`);
    if (verb.toLowerCase() === 'get') return arrayReply([bulkReply(name), bulkReply(String(this.migrator.speed))]);
    this.migrator.speed = Number(value);
    return OK;
  }

  #feed(session: Session, [port = '', sequence = '', origin = '']: readonly string[]): Uint8Array {
    const { socket } = session;
    const feeder = new Feeder(this.data, socket, `${socket.remoteAddress},port=${port}`, Number(sequence), origin);
    this.#feeders.add(feeder);
    socket.on('close', () => this.#feeders.delete(feeder));
    return new Uint8Array(0);
  }
}

function wordsOf(command: Command): string[] {
  return Array.from({ length: command.count }, (_, i) => command.copy(i).toString('latin1'));
}

/** @throws what is none of Kvrocks' errors */
function errorOf(error: unknown): Uint8Array {
  if (error instanceof KvrocksError) return errorReply(error.message);
  throw error;
}
