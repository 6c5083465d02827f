import {
  ErrorCode,
  type Field,
  type FloodCause,
  type HeaderBlock,
  type HeaderName,
  type MessageHead,
  type Stream,
} from '../../../http/index.ts';
import { Http1Connection, type Http1Fault, type Http1Handler } from '../../../http1/index.ts';
import { Connection, type ConnectionHandler } from '../../../http2/index.ts';
import type { Accepted } from '../../../io/index.ts';
import { clientProtocolOf, GrpcWebTranslation } from '../../../rpc/index.ts';
import { jitter } from '../../../runtime/jitter.ts';
import type { Session } from '../../core/session.ts';
import type { CorsPolicy } from '../edge/cors.ts';
import { egressTrace } from '../edge/egress-trace.ts';
import { type EdgeDescription, ForwardedFor } from '../edge/forwarded.ts';
import { mayForward, optionsAnswer } from '../edge/max-forwards.ts';
import { isForbidden } from '../edge/own-headers.ts';
import { RequestIds } from '../edge/request-ids.ts';
import { targetFault } from '../edge/request-target.ts';
import { routedKeyField, SHARD_KEY, takeRoutersWord } from '../edge/routers-word.ts';
import type { Admission } from '../exchange/admission.ts';
import { Exchange } from '../exchange/exchange.ts';
import type { AccessEntry } from '../observe/access-log.ts';
import { requestFacts } from '../observe/request-facts.ts';
import { countReply } from '../observe/statuses.ts';
import type { HttpUpstream } from '../pools/http-pool.ts';
import { type LocalReply, localReply, sendReply } from '../replies/local-reply.ts';
import type { RouterContext } from '../router-context.ts';
import type { Route, RoutingSnapshot } from '../routes/routing.ts';
import type { ClientConnection } from './client-connection.ts';

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
export class DownstreamSession implements Session, ConnectionHandler, Http1Handler {
  readonly #owner: DownstreamOwner;
  readonly #context: RouterContext;
  readonly #accepted: Accepted;
  #edge: EdgeDescription;
  #forwarded: ForwardedFor;
  #requestIds: RequestIds | null;
  /** Of the request that is being taken. */
  #route: Route | null = null;
  readonly #admission: Partial<Admission> = { key: '', askedBy: 0, client: '', needs: null, span: null };
  /** Of the same: its key's header appears more than once. */
  #keyRepeated = false;
  /** Of the same: what its answer has to carry, so that a page of another origin may read it. */
  #cors: readonly Field[] | null = null;
  #connection: ClientConnection;
  /** When it has to end because of its age; infinite where age is no matter. */
  readonly #endsAtMs: number;
  #cutAtMs = Number.POSITIVE_INFINITY;
  #idleSinceMs: number;
  #requests = 0;
  #requestsAtSweep = 0;

  constructor(owner: DownstreamOwner, accepted: Accepted, protocol: 'http1' | 'http2') {
    this.#owner = owner;
    this.#context = owner.context;
    const { limits, turn, random } = owner.context;
    const age = limits.maxConnectionAgeMs * jitter(AGE_JITTER, random);
    this.#endsAtMs = age > 0 ? turn.nowMs + age : Number.POSITIVE_INFINITY;
    this.#idleSinceMs = turn.nowMs;
    this.#accepted = accepted;
    this.#edge = owner.snapshot.edge;
    this.#forwarded = this.#forwardedFor();
    this.#requestIds = this.#newRequestIds();
    this.#connection = protocol === 'http2' ? this.#http2() : this.#http1();
  }

  #forwardedFor(): ForwardedFor {
    const { clientAddress, secure } = this.#accepted;
    return new ForwardedFor(this.#context.http.fields, this.#edge.trustedHops, clientAddress, secure);
  }

  #newRequestIds(): RequestIds | null {
    const { requestIds } = this.#edge;
    return requestIds === 'pass' ? null : new RequestIds(requestIds === 'always', this.#context.random);
  }

  /** Routes and edge come of one config, also on a connection that is older than that. */
  #applyEdge(edge: EdgeDescription): void {
    this.#edge = edge;
    this.#forwarded = this.#forwardedFor();
    this.#requestIds = this.#newRequestIds();
  }

  #http1(): Http1Connection {
    const { socket, secure } = this.#accepted;
    return new Http1Connection(socket, this.#context.http, this, secure);
  }

  #http2(): Connection {
    return new Connection(this.#accepted.socket, true, this.#context.http, this);
  }

  onHttp2Upgrade(settings: Uint8Array, block: HeaderBlock, rest: Uint8Array): void {
    const connection = this.#http2();
    this.#connection = connection;
    if (connection.beginUpgraded(settings, block)) connection.receive(rest, 0, rest.length);
    else connection.fail(ErrorCode.ProtocolError, 'invalid HTTP2-Settings');
  }

  onRequest(stream: Stream, head: MessageHead, block: HeaderBlock, endStream: boolean): void {
    this.#requests++;
    this.#cors = null;
    this.#route = null;
    if (head.path === null) {
      this.#refuse(stream, block, localReply.notSupported('CONNECT'));
      return;
    }
    if (head.protocol !== null && head.protocol.text !== 'websocket') {
      this.#refuse(stream, block, localReply.notSupported(`CONNECT for ${head.protocol.text}`));
      return;
    }
    const fault = targetFault(head);
    if (fault !== null) {
      this.#refuse(stream, block, localReply.badRequest(fault));
      return;
    }
    const { snapshot } = this.#owner;
    if (snapshot.edge !== this.#edge) this.#applyEdge(snapshot.edge);
    const route = snapshot.routeOf(head.path, head, block);
    if (route === null) {
      this.#refuse(stream, block, localReply.noRoute(head.path.text));
      return;
    }
    this.#route = route;
    route.counters.requests++;
    if (route.cors !== null && this.#answersPreflight(route.cors, stream, head, block)) return;
    if (!mayForward(head, block)) {
      this.#answerAsLast(stream, head, block);
      return;
    }
    const { egressOf } = this.#edge;
    const trace = egressOf === undefined ? undefined : egressTrace(this.#context.http.fields, block, egressOf);
    if (trace === null) {
      this.#refuse(stream, block, localReply.loop(egressOf as string));
      return;
    }
    const owner = this.#findOwner(route, stream, head, block);
    if (owner === null) return;
    if (trace !== undefined) block.push(trace);
    if (head.contentLength > route.maxRequestBytes) {
      this.#refuse(stream, block, localReply.tooLarge(route.maxRequestBytes));
      return;
    }
    this.#requestIds?.apply(block);
    if (route.versionField !== null) this.#addShardFields(route, block);
    route.requestHeaders?.apply(block);
    const grpcWeb = route.translatesGrpcWeb ? GrpcWebTranslation.ofRequest(block) : null;
    const needs = grpcWeb === null && this.#cors === null ? null : { cors: this.#cors, grpcWeb };
    const { tracing } = this.#context;
    const admission = this.#admission as Admission;
    admission.owner = owner;
    admission.route = route;
    admission.needs = needs;
    admission.span = tracing === null ? null : tracing.begin(block, route.name);
    const exchange = new Exchange(this.#context, stream, admission, head, block, endStream);
    stream.handler = exchange;
    exchange.begin(block);
  }

  /** By which version it is asked, and by which key, where it could not know that otherwise. */
  #addShardFields({ versionField, tokenField, namesKey }: Route, block: HeaderBlock): void {
    block.push(versionField as Field);
    if (tokenField !== null) block.push(tokenField());
    if (namesKey) block.push(routedKeyField(this.#context.http.fields, this.#admission.key as Field | string));
  }

  /** Answers a preflight, which has no key and is for no shard; else notes what the answer has to carry. */
  #answersPreflight(policy: CorsPolicy, stream: Stream, head: MessageHead, block: HeaderBlock): boolean {
    const answer = policy.preflight(head, block);
    if (answer === null) {
      this.#cors = policy.fieldsFor(block);
      return false;
    }
    this.#answerEmpty(stream, block, answer);
    return true;
  }

  /** Answers a request that may be forwarded no further, as its final recipient. */
  #answerAsLast(stream: Stream, head: MessageHead, block: HeaderBlock): void {
    if (head.method?.text === 'OPTIONS') this.#answerEmpty(stream, block, optionsAnswer);
    else this.#refuse(stream, block, localReply.notSupported('TRACE'));
  }

  #answerEmpty(stream: Stream, block: HeaderBlock, answer: readonly Field[]): void {
    // Both a preflight's answer and that to OPTIONS are in the class 2xx.
    countReply((this.#route as Route).counters, 200, null);
    block.set(answer);
    stream.connection.sendHeaders(stream, block, true);
    this.#dropRest(stream);
  }

  /** The owner of the request's key; else the request has been refused. Takes out on the way what no client may say. */
  #findOwner(route: Route, stream: Stream, head: MessageHead, block: HeaderBlock): HttpUpstream | null {
    const { key, owners, rateLimit } = route;
    if (this.#edge.behindRouters === true) return this.#findShard(route, stream, block);
    const found = this.#takeHeaders(block, key.kind === 'header' ? key.header : null);
    const clientAddress = this.#forwarded.apply(block);
    this.#admission.client = clientAddress;
    let owner: HttpUpstream | null;
    let keyText = '';
    if (key.kind === 'header') {
      if (found === null || found.valueLength === 0 || this.#keyRepeated) {
        this.#refuseWithoutKey(key.header, found, stream, block);
        return null;
      }
      owner = owners.ownerOf(found);
      this.#admission.key = found;
      if (rateLimit !== null) keyText = found.text;
    } else if (key.kind === 'fixed') {
      owner = key.owner;
      keyText = key.text;
      this.#admission.key = keyText;
    } else {
      const extracted = key.rule.extract({ head, block, clientAddress });
      if ('missing' in extracted) {
        this.#refuse(stream, block, localReply.noShardKey(extracted.missing));
        return null;
      }
      keyText = extracted.key;
      this.#admission.key = keyText;
      owner = owners.ownerOfText(keyText);
    }
    if (owner === null) this.#refuse(stream, block, localReply.noOwner(owners.name));
    else if (rateLimit !== null && !rateLimit.take(rateLimit.by === 'client' ? clientAddress : keyText, this.#nowMs)) {
      this.#refuse(stream, block, localReply.rateLimited(rateLimit.by));
      return null;
    }
    return owner;
  }

  #refuseWithoutKey(header: HeaderName, found: Field | null, stream: Stream, block: HeaderBlock): void {
    const problem = found === null ? 'is missing' : this.#keyRepeated ? 'appears more than once' : 'is empty';
    this.#refuse(stream, block, localReply.noShardKey(`the shard key header ${header.text} ${problem}`));
  }

  /** The same where the client is a router, which has found the key and the shard. */
  #findShard({ key: source, owners }: Route, stream: Stream, block: HeaderBlock): HttpUpstream | null {
    const { version, key, isRepeated } = takeRoutersWord(block, SHARD_KEY);
    const admission = this.#admission;
    admission.askedBy = version;
    admission.client = this.#accepted.clientAddress;
    this.#keyRepeated = isRepeated;
    if (source.kind === 'fixed') {
      admission.key = source.text;
      return source.owner;
    }
    if (key === null || isRepeated || (typeof key !== 'string' && key.valueLength === 0)) {
      this.#refuseWithoutKey(SHARD_KEY, typeof key === 'string' ? null : key, stream, block);
      return null;
    }
    admission.key = key;
    const owner = owners.find(key);
    if (owner === null) this.#refuse(stream, block, localReply.noOwner(owners.name));
    return owner;
  }

  /** Takes out what no client may say. @returns the header that holds the key, if it is there; see `#keyRepeated` */
  #takeHeaders(block: HeaderBlock, wanted: HeaderName | null): Field | null {
    let found: Field | null = null;
    const trustsProxies = this.#edge.trustedHops > 0;
    let forbidden = false;
    this.#keyRepeated = false;
    for (let i = block.count - 1; i >= 0; i--) {
      const field = block.fields[i] as Field;
      const name = field.name;
      if (name === wanted) {
        this.#keyRepeated = found !== null;
        found = field;
      } else if (isForbidden(name, trustsProxies)) forbidden = true;
    }
    // In one go: taken out one by one, many would have the others moved many times.
    if (forbidden) block.removeWhere(({ name }) => name !== wanted && isForbidden(name, trustsProxies));
    return found;
  }

  get #nowMs(): number {
    return this.#context.turn.nowMs;
  }

  #refuse(stream: Stream, block: HeaderBlock, reply: LocalReply): void {
    const { counters, accessLog } = this.#context;
    counters.countRefusal(reply.refusal);
    if (this.#route === null) counters.unrouted.requests++;
    const traffic = this.#route?.counters ?? counters.unrouted;
    const protocol = clientProtocolOf(block.fields, block.count);
    if (accessLog?.pick() === true) accessLog.write(this.#refusalEntry(stream, block, protocol, reply));
    sendReply(traffic, stream, protocol, reply, this.#cors ?? []);
    this.#dropRest(stream);
  }

  #refusalEntry(stream: Stream, block: HeaderBlock, protocol: string, reply: LocalReply): AccessEntry {
    return {
      ...requestFacts(block.fields, block.count),
      client: this.#accepted.clientAddress,
      version: stream.connection.resetsStreams ? '2' : '1.1',
      protocol,
      route: this.#route?.name ?? '',
      cluster: this.#route?.owners.name ?? '',
      shard: '',
      key: '',
      status: reply.httpStatus,
      grpcStatus: reply.grpcStatus,
      refusal: reply.refusal,
      durationMs: 0,
      requestBytes: 0,
      responseBytes: 0,
      retries: 0,
    };
  }

  /** The rest of a request that has been answered is not wanted (RFC 9113, 8.1). */
  #dropRest(stream: Stream): void {
    if (!stream.closed && stream.queue === null) stream.connection.reset(stream, ErrorCode.NoError);
  }

  get openStreams(): number {
    return this.#connection.openStreams;
  }

  receive(bytes: Uint8Array, start: number, end: number): void {
    this.#connection.receive(bytes, start, end);
  }

  shutdown(reason: string): void {
    this.#connection.shutdown(reason);
  }

  destroy(): void {
    this.#connection.destroy();
  }

  forEachRequest(visit: (exchange: Exchange) => void): void {
    this.#connection.forEachStream(({ handler }) => {
      if (handler instanceof Exchange) visit(handler);
    });
  }

  /** Called every second or so: ends what is too old, or idle, and whatever the connection itself finds. */
  sweep(nowMs: number): void {
    const { limits } = this.#context;
    if (this.#connection.openStreams > 0 || this.#requests !== this.#requestsAtSweep) {
      this.#requestsAtSweep = this.#requests;
      this.#idleSinceMs = nowMs;
    }
    if (nowMs >= this.#cutAtMs) this.#connection.destroy();
    else if (this.#cutAtMs === Number.POSITIVE_INFINITY) {
      const idle = limits.idleConnectionMs > 0 && nowMs - this.#idleSinceMs >= limits.idleConnectionMs;
      if (idle || nowMs >= this.#endsAtMs) {
        this.#cutAtMs = nowMs + limits.maxConnectionAgeGraceMs;
        this.#connection.shutdown(idle ? 'idle' : 'maximum connection age');
      }
    }
    this.#connection.sweep(nowMs);
    this.forEachRequest((exchange) => exchange.sweep(nowMs));
  }

  onCapacity(): void {}

  onGoaway(): void {}

  onClosed(): void {
    this.#owner.onSessionClosed(this);
  }

  onFlood(_connection: Connection, cause: FloodCause): void {
    this.#context.counters.countFlood(cause);
  }

  onFault(_fault: Http1Fault): void {
    this.#context.counters.malformed++;
  }

  onSlow(): void {
    this.#context.counters.countFlood('slow');
  }
}
