import type { Accepted } from '../../../src/io/index.ts';
import type { FamilyHost } from '../../../src/proxy/core/family.ts';
import type { OpenRequest } from '../../../src/proxy/core/open-request.ts';
import type { ClusterOwners } from '../../../src/proxy/core/owner/cluster-owners.ts';
import type { Session } from '../../../src/proxy/core/session.ts';
import type { EchoPool } from './echo-pool.ts';
import { type EchoClient, EchoRequest } from './echo-request.ts';
import { Lines } from './lines.ts';

/** A client's connection: lines, answered one after the other. */
export class EchoSession implements Session, EchoClient {
  readonly address: string;
  readonly #accepted: Accepted;
  readonly #host: FamilyHost;
  readonly #ownersNow: () => ClusterOwners<EchoPool>;
  readonly #lines = new Lines((line) => this.#onLine(line));
  readonly #waiting: string[] = [];
  #request: EchoRequest | null = null;
  #ends = false;

  constructor(accepted: Accepted, host: FamilyHost, ownersNow: () => ClusterOwners<EchoPool>) {
    this.#accepted = accepted;
    this.#host = host;
    this.#ownersNow = ownersNow;
    this.address = accepted.clientAddress;
    accepted.socket.on('error', () => {});
    accepted.socket.on('end', () => accepted.socket.destroy());
    accepted.socket.on('close', () => {
      this.#request?.cancel();
      host.onSessionClosed(this);
    });
  }

  get openStreams(): number {
    return this.#request === null ? 0 : 1;
  }

  receive(bytes: Uint8Array, start: number, end: number): void {
    this.#host.context.turn.begin();
    this.#lines.receive(bytes, start, end);
  }

  #onLine(line: string): void {
    if (this.#request !== null) {
      this.#waiting.push(line);
      return;
    }
    const owners = this.#ownersNow();
    const [key = ''] = line.split(' ', 1);
    const owner = owners.find(key);
    if (owner === null) this.onAnswer('NOT HERE', true);
    else {
      this.#request = new EchoRequest(this.#host.context, this, owners, owner, line);
      this.#request.begin();
    }
  }

  onAnswer(line: string, isLast: boolean): void {
    this.#accepted.socket.write(`${line}\n`, 'latin1');
    if (!isLast) return;
    this.#request = null;
    const next = this.#waiting.shift();
    if (next !== undefined) this.#onLine(next);
    else if (this.#ends) this.#accepted.socket.end();
  }

  shutdown(): void {
    this.#ends = true;
    if (this.#request === null) this.#accepted.socket.end();
  }

  destroy(): void {
    this.#accepted.socket.destroy();
  }

  sweep(): void {}

  forEachRequest(visit: (request: OpenRequest) => void): void {
    if (this.#request !== null) visit(this.#request);
  }
}
