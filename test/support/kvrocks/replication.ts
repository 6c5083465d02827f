import type { Buffer } from 'node:buffer';
import { connect, type Socket } from 'node:net';
import { encodeCommand } from '../../../src/resp/index.ts';
import type { DataLog, LoggedChange, Snapshot } from './data-log.ts';

/** A replica that has lost its master tries again so soon. */
const RETRY_MS = 300;
/** A master that has nothing to say says so. */
const PING_MS = 1000;

/** What is wrong between servers is found when nothing comes for so long. */
const SILENCE_MS = 60_000;

/**
 * What a master sends behind PSYNC: lines of JSON, where Kvrocks sends parts of RocksDB's log. That is between the servers of one kind, and nothing that
 * a controller or a client sees.
 */
type Line = { readonly all: Snapshot } | { readonly changes: readonly LoggedChange[] };

/** A replica that is fed by this server. */
export class Feeder {
  readonly #data: DataLog;
  readonly #socket: Socket;
  readonly address: string;
  sequence: number;

  /** @param origin of the last change that the replica has */
  constructor(data: DataLog, socket: Socket, address: string, sequence: number, origin: string) {
    this.#data = data;
    this.#socket = socket;
    this.address = address;
    this.sequence = sequence;
    socket.write('+OK\r\n');
    const missing = data.since(sequence, origin);
    if (missing === null) {
      this.#send({ all: data.snapshot() });
      this.sequence = data.sequence;
    }
    const feed = (): void => this.#feed();
    const ping = setInterval(() => socket.write('{"changes":[]}\n'), PING_MS);
    data.listeners.add(feed);
    socket.on('close', () => {
      clearInterval(ping);
      data.listeners.delete(feed);
    });
    this.#feed();
  }

  #feed(): void {
    const changes = this.#data.sinceSequence(this.sequence);
    if (changes.length === 0) return;
    this.#send({ changes });
    this.sequence = this.#data.sequence;
  }

  #send(line: Line): void {
    this.#socket.write(`${JSON.stringify(line)}\n`);
  }
}

/** How a replica's link to its master is. */
export type LinkState = 'connecting' | 'connected' | 'syncing';

/** A server's link to the master that it follows. */
export class MasterLink {
  readonly host: string;
  readonly port: number;
  state: LinkState = 'connecting';
  /** Since 1970; 0: nothing has come yet. */
  lastIoMs = 0;
  readonly #data: DataLog;
  readonly #password: string;
  readonly #ownPort: number;
  readonly #clock: () => number;
  readonly #onCopy: () => void;
  #socket: Socket | null = null;
  #retry: NodeJS.Timeout | undefined;
  #isOver = false;

  /** @param onCopy before a whole copy takes the place of the data */
  constructor(
    { host, port }: { readonly host: string; readonly port: number },
    data: DataLog,
    password: string,
    ownPort: number,
    clock: () => number,
    onCopy: () => void,
  ) {
    this.host = host;
    this.port = port;
    this.#data = data;
    this.#password = password;
    this.#ownPort = ownPort;
    this.#clock = clock;
    this.#onCopy = onCopy;
    this.#open();
  }

  #open(): void {
    const socket = connect(this.port, this.host);
    this.#socket = socket;
    this.state = 'connecting';
    socket.setTimeout(SILENCE_MS, () => socket.destroy());
    socket.on('error', () => {});
    socket.on('close', () => {
      this.state = 'connecting';
      if (!this.#isOver) this.#retry = setTimeout(() => this.#open(), RETRY_MS);
    });
    // Each is answered by a line; then the changes come.
    const login = this.#password === '' ? [] : [['AUTH', this.#password]];
    const { sequence, origin } = this.#data;
    const words = [...login, ['PSYNC', String(this.#ownPort), String(sequence), origin]];
    for (const each of words) socket.write(encodeCommand(each));
    let answers = words.length;
    let rest = '';
    socket.on('data', (bytes: Buffer) => {
      this.lastIoMs = this.#clock();
      const lines = (rest + bytes.toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (answers === 0) this.#take(JSON.parse(line) as Line);
        else if (line.startsWith('-')) socket.destroy();
        else if (--answers === 0) this.state = 'connected';
      }
      // It takes over all that there is.
      if (rest.startsWith('{"all"')) this.state = 'syncing';
    });
  }

  #take(line: Line): void {
    if (this.#isOver) return;
    this.state = 'connected';
    if ('all' in line) {
      this.#onCopy();
      this.#data.replace(line.all);
    } else for (const change of line.changes) this.#data.append(change);
  }

  end(): void {
    this.#isOver = true;
    clearTimeout(this.#retry);
    this.#socket?.destroy();
  }
}
