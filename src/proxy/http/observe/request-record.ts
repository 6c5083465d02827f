import type { Span } from '@opentelemetry/api';
import { type Field, NameKind, type Stream } from '../../../http/index.ts';
import { type ClientProtocol, clientProtocolOf } from '../../../rpc/index.ts';
import { LATENCY_UNIT_US, latencyBucket } from '../../core/counters.ts';
import { clientGroup, type Waiting } from '../../core/owner/fair-queue.ts';
import type { Admission, ClientNeeds } from '../exchange/admission.ts';
import { isUnavailable } from '../exchange/answer-meaning.ts';
import type { HttpUpstream } from '../pools/http-pool.ts';
import type { RouterContext } from '../router-context.ts';
import type { Route } from '../routes/routing.ts';
import { type HttpStream, requestFacts } from './request-facts.ts';
import { hiddenKey } from './secret-keys.ts';
import { countGrpcStatus, countStatus, outcomeOf } from './statuses.ts';

/** The clock's milliseconds in latency units, as a 32-bit integer: differences are right over hours, and it needs no heap number. */
function latencyUnits(nowMs: number): number {
  return ((nowMs * 1000) / LATENCY_UNIT_US) | 0;
}

function unitsBetween(startedUnits: number, nowMs: number): number {
  return (latencyUnits(nowMs) - startedUnits) | 0;
}

/**
 * What is reported about a request: counted for its route and its owner, logged, traced, and shown on request. The
 * request itself extends this, so that the two are one object; see `ForwardedRequest` for the way in which fields
 * are written.
 */
export abstract class RequestRecord implements Waiting {
  protected declare readonly context: RouterContext;
  protected declare readonly downstream: Stream;
  protected declare readonly route: Route;
  /** The owner of the request's key. It changes only if the key is handed over while the request waits, or its watch is open. */
  declare owner: HttpUpstream;
  /** The request's header section, which is sent again if the owner did not process it. */
  declare request: Field[];
  declare readonly isWebSocket: boolean;
  /** The key, or the header field that holds it. */
  protected declare readonly key: Field | string;
  /** The version by which another router has sent it here; 0: none has. */
  declare readonly askedBy: number;
  /** What the client needs besides the shard's answer; most need nothing. */
  protected declare readonly needs: ClientNeeds | null;
  private declare readonly client: string;
  private declare readonly span: Span | null;
  private declare readonly startedUnits: number;
  /** How often the request has been sent again. */
  protected declare repeated: number;
  protected declare requestBytes: number;
  private declare responseBytes: number;
  /** Of HTTP; 0 as long as there is no answer. */
  private declare status: number;
  private declare grpcStatus: number | null;

  constructor(
    context: RouterContext,
    downstream: Stream,
    { owner, route, key, askedBy, client, needs, span }: Admission,
    request: Field[],
    isWebSocket: boolean,
  ) {
    this.context = context;
    this.downstream = downstream;
    this.route = route;
    this.owner = owner;
    this.request = request;
    this.isWebSocket = isWebSocket;
    this.key = key;
    this.askedBy = askedBy;
    this.needs = needs;
    this.client = client;
    this.span = span;
    this.startedUnits = latencyUnits(context.turn.nowMs);
    this.repeated = 0;
    this.requestBytes = 0;
    this.responseBytes = 0;
    this.status = 0;
    this.grpcStatus = null;
  }

  get keyText(): string {
    return typeof this.key === 'string' ? this.key : this.key.text;
  }

  get clientGroup(): string {
    return clientGroup(this.client);
  }

  get clientConnection(): object {
    return this.downstream.connection;
  }

  /** What the client takes for an error depends on this. */
  protected get protocol(): ClientProtocol {
    return this.needs?.grpcWeb?.protocol ?? clientProtocolOf(this.request);
  }

  /** Whether its route calls it a watch, or it is a WebSocket, which stays open by its nature. */
  get isWatch(): boolean {
    const path = this.request.find(({ name }) => name.kind === NameKind.Path);
    return this.isWebSocket || (path !== undefined && this.route.isWatch(path.text));
  }

  ageMs(nowMs: number): number {
    return (unitsBetween(this.startedUnits, nowMs) * LATENCY_UNIT_US) / 1000;
  }

  // ---- what is counted, for the route and the owner together ---------------------------------------------------------

  protected countRequestContent(bytes: number): void {
    this.requestBytes += bytes;
    this.route.counters.requestBytes += bytes;
    this.owner.counters.requestBytes += bytes;
  }

  protected countResponseContent(bytes: number): void {
    this.responseBytes += bytes;
    this.route.counters.responseBytes += bytes;
    this.owner.counters.responseBytes += bytes;
  }

  /** @param status of the final header section of the owner's answer */
  protected countAnswer(status: number): void {
    this.status = status;
    countStatus(this.route.counters, status);
    countStatus(this.owner.counters, status);
  }

  protected countRepetition(): void {
    this.repeated++;
    this.route.counters.retries++;
    this.owner.counters.retries++;
  }

  /** The owner's answer is complete. */
  protected countEnd(grpcStatus: Field | null): void {
    const { owner } = this;
    const { counters } = this.route;
    if (owner.health !== null) owner.onOutcome(isUnavailable(this.status, grpcStatus));
    const units = unitsBetween(this.startedUnits, this.context.turn.nowMs);
    const bucket = latencyBucket(units);
    const code = grpcStatus === null ? null : grpcStatus.integer;
    const outcome = outcomeOf(this.status, code);
    counters.countEnd(outcome, bucket, units);
    owner.counters.countEnd(outcome, bucket, units);
    if (code === null) return;
    this.grpcStatus = code;
    countGrpcStatus(counters, code);
    countGrpcStatus(owner.counters, code);
  }

  /** Notes what the client gets from the router itself. @param httpStatus null where its answer has begun */
  protected noteReply(httpStatus: number | null, grpcStatus: number): void {
    if (httpStatus !== null) this.status = httpStatus;
    this.grpcStatus = grpcStatus;
  }

  // ---- what is reported --------------------------------------------------------------------------------------------

  /**
   * Reports to the access log and the trace what became of the request.
   * @param refusal why the router answered itself; empty: it did not
   */
  protected record(refusal: string): void {
    const { accessLog, tracing } = this.context;
    const logged = accessLog?.pick() ?? false;
    if (!logged && this.span === null) return;
    const { ageMs, ...facts } = this.describe();
    const entry = { ...requestFacts(this.request), ...facts, refusal, durationMs: ageMs };
    if (logged) accessLog?.write(entry);
    if (this.span !== null) tracing?.end(this.span, entry);
  }

  /** What of it can be seen from outside. */
  describe(): HttpStream {
    const { route, owner } = this;
    return {
      client: this.client,
      version: this.downstream.connection.resetsStreams ? '2' : '1.1',
      protocol: this.protocol,
      route: route.name,
      cluster: owner.cluster,
      shard: owner.id,
      key: route.hidesKeys ? hiddenKey(this.keyText) : this.keyText,
      status: this.status,
      grpcStatus: this.grpcStatus,
      ageMs: this.ageMs(this.context.turn.nowMs),
      requestBytes: this.requestBytes,
      responseBytes: this.responseBytes,
      retries: this.repeated,
    };
  }
}
