import { Http1Connection, type Http1Fault, type Http1Handler } from '../http1/index.ts';
import {
  Connection,
  type ConnectionHandler,
  ErrorCode,
  type Field,
  type FloodCause,
  type HeaderBlock,
  type HeaderName,
  type MessageHead,
  type Stream,
} from '../http2/index.ts';
import { type ClientConnection, UndecidedConnection } from './client-connection.ts';
import { clientProtocolOf } from './client-protocol.ts';
import { Exchange } from './exchange.ts';
import type { Accepted } from './listener.ts';
import { type LocalReply, localReply, sendReply } from './local-reply.ts';
import type { RouterContext } from './router-context.ts';
import type { Route, RoutingSnapshot } from './routing.ts';
import type { Upstream } from './upstream/upstream.ts';

/** Headers with this prefix are the router's to set: what a client sends of them is taken out. */
const OWN_PREFIX = 'x-keyway-';
/** `HeaderName.note`: looked at and ordinary, or the router's own. */
const ORDINARY = 1;
const OWN = 2;

/** As much earlier or later than its age a connection ends, as in gRPC (grpc/proposal A9). */
const AGE_JITTER = 0.1;

/** Where the sessions of a thread find the snapshot that is current, and are found. */
export interface DownstreamOwner {
  readonly context: RouterContext;
  /** The current snapshot; each request uses one from its beginning to its end. */
  readonly snapshot: RoutingSnapshot;
  onSessionClosed(session: DownstreamSession): void;
}

/** A client's connection. */
export class DownstreamSession implements ConnectionHandler, Http1Handler {
  readonly #owner: DownstreamOwner;
  readonly #context: RouterContext;
  readonly #accepted: Accepted;
  connection: ClientConnection;
  /** When it has to end because of its age; infinite where age is no matter. */
  readonly #endsAtMs: number;
  #cutAtMs = Number.POSITIVE_INFINITY;
  #idleSinceMs: number;
  #requests = 0;
  #requestsAtSweep = 0;

  constructor(owner: DownstreamOwner, accepted: Accepted) {
    this.#owner = owner;
    this.#context = owner.context;
    const { limits, http2, random } = owner.context;
    const age = limits.maxConnectionAgeMs * (1 + AGE_JITTER * (2 * random() - 1));
    this.#endsAtMs = age > 0 ? http2.turn.nowMs + age : Number.POSITIVE_INFINITY;
    this.#idleSinceMs = http2.turn.nowMs;
    this.#accepted = accepted;
    if (accepted.protocol !== null) this.connection = this.#connectionOf(accepted.protocol);
    else {
      this.connection = new UndecidedConnection(
        accepted.socket,
        http2,
        (protocol, bytes, start, end) => {
          this.connection = this.#connectionOf(protocol);
          this.connection.receive(bytes, start, end);
        },
        () => this.onClosed(),
      );
    }
  }

  #connectionOf(protocol: 'http1' | 'http2'): ClientConnection {
    const { socket, secure } = this.#accepted;
    return protocol === 'http2' ? this.#http2() : new Http1Connection(socket, this.#context.http2, this, secure);
  }

  #http2(): Connection {
    return new Connection(this.#accepted.socket, true, this.#context.http2, this);
  }

  onHttp2Upgrade(settings: Uint8Array, block: HeaderBlock, rest: Uint8Array): void {
    const connection = this.#http2();
    this.connection = connection;
    if (connection.beginUpgraded(settings, block)) connection.receive(rest, 0, rest.length);
    else connection.fail(ErrorCode.ProtocolError, 'HTTP2-Settings that are none');
  }

  onRequest(stream: Stream, head: MessageHead, block: HeaderBlock, endStream: boolean): void {
    this.#context.counters.requests++;
    this.#requests++;
    if (head.path === null) {
      this.#refuse(stream, block, localReply.notSupported('CONNECT'));
      return;
    }
    const route = this.#owner.snapshot.routeOf(head.path, head, block);
    if (route === null) {
      this.#refuse(stream, block, localReply.noRoute(head.path.text));
      return;
    }
    const owner = this.#findOwner(route, stream, head, block);
    if (owner === null) return;
    route.requestHeaders?.apply(block);
    const exchange = new Exchange(this.#context, stream, owner, route, head, block, endStream);
    stream.handler = exchange;
    owner.dispatch(exchange, block);
  }

  /** The owner of the request's key; else the request has been refused. Takes the router's own headers out on the way. */
  #findOwner(route: Route, stream: Stream, head: MessageHead, block: HeaderBlock): Upstream | null {
    const { key, owners } = route;
    const wanted = key.kind === 'header' ? key.header : null;
    let found: Field | null = null;
    let repeated = false;
    for (let i = block.count - 1; i >= 0; i--) {
      const field = block.fields[i] as Field;
      const name = field.name;
      if (name === wanted) {
        repeated = found !== null;
        found = field;
      } else if (name.note !== ORDINARY && isOwn(name)) block.remove(i);
    }
    let owner: Upstream | null;
    if (key.kind === 'header') {
      if (found === null || found.valueLength === 0 || repeated) {
        const problem = found === null ? 'is missing' : repeated ? 'stands more than once' : 'is empty';
        this.#refuse(stream, block, localReply.noShardKey(`the shard key header ${key.header.text} ${problem}`));
        return null;
      }
      owner = owners.ownerOf(found);
    } else if (key.kind === 'fixed') owner = key.owner;
    else {
      const extracted = key.rule.extract({ head, block, clientAddress: this.#accepted.clientAddress });
      if ('missing' in extracted) {
        this.#refuse(stream, block, localReply.noShardKey(extracted.missing));
        return null;
      }
      owner = owners.ownerOfText(extracted.key);
    }
    if (owner === null) this.#refuse(stream, block, localReply.noOwner(owners.cluster.name));
    return owner;
  }

  #refuse(stream: Stream, block: HeaderBlock, reply: LocalReply): void {
    const { counters } = this.#context;
    counters.refusals[reply.refusal]++;
    sendReply(counters, stream, clientProtocolOf(block.fields, block.count), reply);
    // The rest of the request is for nobody (RFC 9113, 8.1).
    if (!stream.closed && stream.queue === null) stream.connection.reset(stream, ErrorCode.NoError);
  }

  /** To be called every second or so: ends what is too old, or idle, and whatever the connection itself finds. */
  sweep(nowMs: number): void {
    const { limits } = this.#context;
    if (this.connection.openStreams > 0 || this.#requests !== this.#requestsAtSweep) {
      this.#requestsAtSweep = this.#requests;
      this.#idleSinceMs = nowMs;
    }
    if (nowMs >= this.#cutAtMs) this.connection.destroy();
    else if (this.#cutAtMs === Number.POSITIVE_INFINITY) {
      const idle = limits.idleConnectionMs > 0 && nowMs - this.#idleSinceMs >= limits.idleConnectionMs;
      if (idle || nowMs >= this.#endsAtMs) {
        this.#cutAtMs = nowMs + limits.maxConnectionAgeGraceMs;
        this.connection.shutdown(idle ? 'idle' : 'maximum connection age');
      }
    }
    this.connection.sweep(nowMs);
  }

  onCapacity(): void {}

  onGoaway(): void {}

  onClosed(): void {
    this.#owner.onSessionClosed(this);
  }

  onFlood(_connection: Connection, cause: FloodCause): void {
    this.#context.counters.floods[cause]++;
  }

  onFault(_fault: Http1Fault): void {
    this.#context.counters.malformed++;
  }

  onSlow(): void {
    this.#context.counters.floods.slow++;
  }
}

function isOwn(name: HeaderName): boolean {
  if (name.note === 0) name.note = name.text.startsWith(OWN_PREFIX) ? OWN : ORDINARY;
  return name.note === OWN;
}
