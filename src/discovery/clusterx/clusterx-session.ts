import { timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';
import {
  bulkReply,
  type Command,
  errorReply,
  mapReply,
  OK,
  PONG,
  type Protocol,
  REDIS_LIMITS,
  RequestReader,
  type RequestSink,
  verbatimReply,
} from '../../resp/index.ts';
import { type ClusterX, ClusterXError } from './clusterx.ts';

/** The nodes of a large cluster, in which no two slots in a row have one owner, take a quarter of it. */
const MAX_COMMAND_BYTES = 2 ** 20;
const LIMITS = { ...REDIS_LIMITS, maxBulkBytes: MAX_COMMAND_BYTES, maxCollectedBytes: MAX_COMMAND_BYTES };

const NODE_ID_LENGTH = 40;
/** Whoever has not said the password by then takes a place from those who know it. */
const LOGIN_MS = 10_000;
/** Versions are numbers that are exact. */
const VERSION = /^\d{1,15}$/;
const USAGE = 'CLUSTERX command, CLUSTERX VERSION|MYID|SETNODEID|SETNODES|SETSLOT';
/** Names in messages are cut. */
const MAX_SHOWN = 128;

/** A connection by which a controller of Kvrocks says what a cluster is like. Commands are carried out one after the other. */
export class ClusterXSession implements RequestSink {
  readonly #clusterX: ClusterX;
  readonly #password: string;
  readonly #socket: Socket;
  readonly #onKnown: () => void;
  readonly #reader = new RequestReader(this, LIMITS);
  #protocol: Protocol = 2;
  #isAuthenticated = false;

  /** @param onKnown called with each command of a peer that has given the password */
  constructor(clusterX: ClusterX, password: string, socket: Socket, onKnown: () => void) {
    this.#clusterX = clusterX;
    this.#password = password;
    this.#socket = socket;
    this.#onKnown = onKnown;
    this.#reader.unauthenticated = true;
    socket.on('data', (bytes: Buffer) => this.#reader.receive(bytes, 0, bytes.length));
    socket.on('error', () => {});
    const timer = setTimeout(() => {
      if (!this.#isAuthenticated) socket.destroy();
    }, LOGIN_MS);
    socket.on('close', () => {
      clearTimeout(timer);
      this.#reader.stop();
    });
  }

  onCommand(command: Command): void {
    const words = Array.from({ length: command.count }, (_, i) => command.text(i));
    this.#reader.pause();
    this.#socket.pause();
    void this.#carryOut(words);
  }

  async #carryOut(words: readonly string[]): Promise<void> {
    try {
      this.#write(await this.#answer(words));
      if (this.#isAuthenticated) this.#onKnown();
    } catch (error) {
      if (!(error instanceof ClusterXError)) throw error;
      // An error is one line.
      this.#write(errorReply(`ERR ${error.message.replace(/\s*[\r\n]+\s*/g, '; ')}`));
    }
    if (words[0]?.toLowerCase() === 'quit') this.#socket.end();
    this.#socket.resume();
    this.#reader.resume();
  }

  #write(reply: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(reply);
  }

  async #answer([name = '', ...args]: readonly string[]): Promise<Uint8Array> {
    switch (name.toLowerCase()) {
      case 'auth':
        return this.#auth(args.at(-1) ?? '', args.length === 2 ? args[0] : undefined);
      case 'hello':
        return this.#hello(args);
      case 'quit':
        return OK;
    }
    if (!this.#isAuthenticated) return errorReply('NOAUTH Authentication required.');
    switch (name.toLowerCase()) {
      case 'ping':
        return args[0] === undefined ? PONG : bulkReply(args[0]);
      case 'clusterx':
        return this.#clusterx(args);
      case 'cluster':
        if (args[0]?.toLowerCase() === 'nodes' && args.length === 1)
          return verbatimReply(await this.#clusterX.nodesText(), this.#protocol);
        throw new ClusterXError('CLUSTER has NODES alone here; ask a router, or the servers, for others');
      default:
        throw new ClusterXError(`unknown command '${name.slice(0, MAX_SHOWN)}': CLUSTERX alone is served here`);
    }
  }

  #auth(password: string, username = 'default'): Uint8Array {
    const [given, wanted] = [Buffer.from(password), Buffer.from(this.#password)];
    const isRight = username === 'default' && given.length === wanted.length && timingSafeEqual(given, wanted);
    if (!isRight) return errorReply('WRONGPASS invalid username-password pair or user is disabled.');
    this.#isAuthenticated = true;
    this.#reader.unauthenticated = false;
    return OK;
  }

  /** HELLO [2|3 [AUTH name password]]. */
  #hello([version = String(this.#protocol), auth, username, password]: readonly string[]): Uint8Array {
    if (version !== '2' && version !== '3') return errorReply('NOPROTO unsupported protocol version');
    if (auth?.toLowerCase() === 'auth') {
      const reply = this.#auth(password ?? '', username);
      if (reply !== OK) return reply;
    }
    if (!this.#isAuthenticated) return errorReply('NOAUTH HELLO must be called with the client already authenticated');
    this.#protocol = version === '3' ? 3 : 2;
    return mapReply(
      [bulkReply('server'), bulkReply('keyway'), bulkReply('mode'), bulkReply('cluster')],
      this.#protocol,
    );
  }

  async #clusterx([subcommand = '', ...args]: readonly string[]): Promise<Uint8Array> {
    switch (`${subcommand.toLowerCase()} ${args.length}`) {
      case 'version 0':
        return bulkReply(String(await this.#clusterX.version()));
      case 'myid 0':
        return bulkReply(this.#clusterX.nodeId);
      case 'setnodeid 1':
        if (args[0]?.length !== NODE_ID_LENGTH) throw new ClusterXError('Invalid cluster node id');
        this.#clusterX.setNodeId(args[0]);
        return OK;
      case 'setnodes 2':
      case 'setnodes 3':
        return this.#setNodes(args);
      case 'setslot 4':
        return this.#setSlot(args);
      default:
        throw new ClusterXError(USAGE);
    }
  }

  /** SETNODES lines version [force]: `1` is as good as the word, and `0` as none. */
  async #setNodes([lines = '', version = '', option = '0']: readonly string[]): Promise<Uint8Array> {
    if (!/^(?:force|0|1)$/i.test(option)) throw new ClusterXError('Invalid setnodes options');
    await this.#clusterX.setNodes(lines, versionIn(version), option !== '0');
    return OK;
  }

  async #setSlot([ranges = '', word = '', id = '', version = '']: readonly string[]): Promise<Uint8Array> {
    if (word.toLowerCase() !== 'node') throw new ClusterXError('Invalid setslot options');
    if (id.length !== NODE_ID_LENGTH) throw new ClusterXError('Invalid node id');
    await this.#clusterX.setSlots(ranges, id, versionIn(version));
    return OK;
  }

  onLargeCommand(): 'collect' {
    return 'collect';
  }

  onContent(): void {}

  onTooLarge(): void {
    this.#socket.end(errorReply('ERR Protocol error: too big a command'));
  }

  onFault({ message }: { readonly message: string }): void {
    this.#socket.end(errorReply(message));
  }
}

function versionIn(text: string): number {
  if (!VERSION.test(text)) throw new ClusterXError('Invalid cluster version');
  return Number(text);
}
