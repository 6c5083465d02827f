import { encodeCommand, errorCodeIs, type Redirect, ReplyType, redirectOf } from '../../../resp/index.ts';
import { LATENCY_UNIT_US, latencyBucket } from '../../core/counters.ts';
import type { OpenStream } from '../../core/open-request.ts';
import type { Refusal } from '../../core/refusal.ts';
import { retryWaitMs } from '../../core/retries.ts';
import { namedCommand } from '../observed/slow-command.ts';
import { REDIS_PROTOCOL, type RedisOwners } from '../redis-owners.ts';
import { countReply, errorNumber, outcomeOf } from '../replies.ts';
import type { RedisConnection } from '../shards/redis-connection.ts';
import { ERRORS, refusalText } from '../words.ts';
import { RetryTurn } from './retry-turn.ts';
import { isKeyless, NOT_KEPT, RoutedCommand } from './routed-command.ts';
import { addressIn, isPassing, isRedirect, MAX_SENDINGS } from './slot-error.ts';

/** Says that the next command is asked of a node that only takes the slot over (Redis Cluster's ASK). */
const ASKING = encodeCommand(['ASKING']);

/** A command, and its answer's place among those of its client. */
export class RedisRequest extends RoutedCommand {
  // ---- its answer ----------------------------------------------------------------------------------------------------

  onReply(bytes: Uint8Array, start: number, end: number, type: number): void {
    const { connection } = this;
    this.connection = null;
    if (!this.isOpen) {
      this.client.onSettled(this);
      return;
    }
    if (type === ReplyType.Error && this.isRetried(bytes, start, end)) return;
    this.countBytes(end - start);
    this.countEnd(type === ReplyType.Error ? errorNumber(bytes, start, end) : 0);
    this.isOpen = false;
    if (!this.client.onBytes(this, bytes, start, end, true)) this.holdUp(connection, true);
  }

  onReplyPart(bytes: Uint8Array, start: number, end: number, _type: number, isLast: boolean): void {
    const { connection } = this;
    this.isBeingAnswered = true;
    if (isLast) this.connection = null;
    if (!this.isOpen) {
      if (isLast) this.client.onSettled(this);
      return;
    }
    this.countBytes(end - start);
    if (isLast) {
      this.countEnd(0);
      this.isOpen = false;
    }
    if (!this.client.onBytes(this, bytes, start, end, isLast)) this.holdUp(connection, isLast);
  }

  /** Its client does not take what comes as fast as it comes. */
  private holdUp(connection: RedisConnection | null, isLast: boolean): void {
    if (connection === null || connection.isClosed || connection.isHeldUp) return;
    // What it had for itself the next client may have by now.
    if (isLast && (this.isAlone || this.own !== null)) return;
    connection.holdUp();
    this.client.whenWritable(() => connection.goOn());
  }

  private countBytes(bytes: number): void {
    const { hotKeys } = this.client.context;
    if (hotKeys !== null && !isKeyless(this.keys)) hotKeys.onBytes(this.owner.cluster, this.keys.key, bytes);
    this.traffic.responseBytes += bytes;
    this.owner.counters.responseBytes += bytes;
  }

  /** @param number of the error; 0: it is none */
  private countEnd(number: number): void {
    const { traffic, owner } = this;
    const units = (((this.client.context.core.turn.nowMs - this.startedMs) * 1000) / LATENCY_UNIT_US) | 0;
    const bucket = latencyBucket(units);
    if (units >= this.client.entry.slowUnits && !this.isWatch) this.noteSlow(units);
    // The answer may have to wait for others; the command is not needed any more.
    this.raw = null;
    const outcome = outcomeOf(number);
    traffic.countEnd(outcome, bucket, units);
    owner.counters.countEnd(outcome, bucket, units);
    countReply(traffic, number);
    countReply(owner.counters, number);
    if (owner.isReplica) this.client.context.replicaChoices.onAnswer(owner, (units * LATENCY_UNIT_US) / 1000);
    // An answer shows that the shard is there, whatever it says.
    owner.onOutcome(false);
  }

  /** What waits by its nature is never slow. */
  private noteSlow(units: number): void {
    const { client, owner } = this;
    const { slowLog, timeOfDay } = client.context;
    const isTransaction = this.replies > 1;
    const raw = !isTransaction && this.takeBack() ? this.raw : null;
    slowLog.add({
      ...(isTransaction ? { command: 'MULTI … EXEC', key: null } : namedCommand(raw)),
      at: timeOfDay(),
      tookMs: (units * LATENCY_UNIT_US) / 1000,
      cluster: owner.cluster,
      shard: owner.id,
      client: client.address,
      bytes: this.length,
    });
  }

  // ---- what servers say of the slot ----------------------------------------------------------------------------------

  /**
   * Whether an error is not passed on, because the command is sent again: it was certainly not carried out. MOVED and ASK are
   * never passed on: a client that followed them would go round the router.
   */
  protected isRetried(bytes: Uint8Array, start: number, end: number): boolean {
    const isRedirected = isRedirect(bytes, start, end);
    if (this.owner.isReplica && this.asksAnotherThan(bytes, start, end)) return true;
    if (!isPassing(bytes, start, end)) return errorCodeIs(bytes, start, end, 'NOSCRIPT') && this.bringsScript();
    if (!this.isOfServer(bytes, start, end)) return false;
    const to = isRedirected ? redirectOf(bytes, start, end) : null;
    if (this.mayBeSentAgain && this.mayBurden(to) && this.takeBack()) {
      this.sendAgain(to);
      return true;
    }
    if (isRedirected) this.fail(ERRORS.moved);
    return isRedirected;
  }

  /** Whether what a replica says is no answer, because it cannot serve reads: another server is asked in its place. */
  private asksAnotherThan(bytes: Uint8Array, start: number, end: number): boolean {
    const redirect = redirectOf(bytes, start, end);
    // It sends to its own primary: it does not serve reads. Another address is where the slot has gone.
    const isUseless =
      redirect === null
        ? isPassing(bytes, start, end) || errorCodeIs(bytes, start, end, 'MASTERDOWN')
        : addressIn(redirect, this.owner) === this.reading?.primary?.address;
    return isUseless && this.fallsBack();
  }

  /** Has a read go to another server than a replica that could not answer it. @returns false where that cannot be done */
  private fallsBack(): boolean {
    const { owner, reading, client } = this;
    if (reading === null || !owner.isReplica || this.isBeingAnswered) return false;
    this.keepContent();
    if (!this.takeBack()) return false;
    client.context.replicaChoices.onFailure(owner, client.context.core.turn.nowMs);
    reading.tried.add(owner);
    this.connection = null;
    this.proceed();
    return true;
  }

  protected override onNoReplica(): void {
    this.client.context.core.counters.countRefusal('no_owner');
    this.fail(`ERR no replica of shard ${this.owner.label} can be asked, and reads go to no other server here`);
  }

  /** What goes on to another shard is no burden to the one that sends it on, as it does with all commands for what has moved of a slot. */
  private mayBurden(to: Redirect | null): boolean {
    const target = to === null ? null : this.owners.at(addressIn(to, this.owner));
    return (target !== null && target !== this.owner) || this.owner.retryBudget.take();
  }

  /** A cluster may be without an owner of the slot for as long as requests wait for an owner. */
  private get mayBeSentAgain(): boolean {
    if (this.sendings < MAX_SENDINGS) return true;
    return this.ageMs(this.client.context.core.turn.nowMs) < this.owner.waitForOwnerMs;
  }

  /** Whether the server itself says so: a script that was carried out may say anything. */
  protected isOfServer(_bytes: Uint8Array, _start: number, _end: number): boolean {
    return true;
  }

  /** Has the shard load a script that it does not know, and this client, or another, has loaded before; and asks again. */
  private bringsScript(): boolean {
    if (this.before !== null || this.sendings >= MAX_SENDINGS || !this.takeBack()) return false;
    this.before = this.client.context.scripts.of(this.owners.name).loading(this.raw as Uint8Array);
    if (this.before === null) return false;
    this.client.waitForAll();
    this.proceedAfter(0);
    return true;
  }

  protected takeBack(): boolean {
    if (this.raw !== null) return true;
    this.raw = this.keptAt === NOT_KEPT ? null : this.client.context.arena.read(this.keptAt, this.length);
    return this.raw !== null;
  }

  private sendAgain(to: Redirect | null): void {
    const { random, counters } = this.client.context.core;
    this.traffic.retries++;
    this.owner.counters.retries++;
    counters.stale++;
    const target = to === null ? null : this.owners.at(addressIn(to, this.owner));
    if (target !== null) this.redirected = target;
    this.before = target !== null && to?.kind === 'ask' ? ASKING : null;
    // What its client has sent behind it must not overtake it.
    this.client.waitForAll();
    const waitMs = retryWaitMs(this.sendings, random);
    // Where it is sent to a shard that is not known the topology has yet to follow.
    this.proceedAfter(waitMs === 0 && target === null ? retryWaitMs(2, random) : waitMs);
  }

  /** Sends it again after a time, and after what its client has asked before and waits for the same. */
  private proceedAfter(waitMs: number): void {
    const { client } = this;
    if (waitMs === 0 && (client.retries.waiting === 0 || client.isFirst(this))) this.proceed();
    else
      this.waitIn(
        new RetryTurn(client.retries, waitMs, () => {
          if (client.isFirst(this)) this.proceed();
        }),
      );
  }

  override onFirst(): void {
    if (this.place instanceof RetryTurn && this.place.isDue) this.proceed();
  }

  // ---- its end -------------------------------------------------------------------------------------------------------

  onLost(reason: string): void {
    this.connection = null;
    if (!this.isOpen) {
      this.client.onSettled(this);
      return;
    }
    // It may have been carried out: it is never sent again.
    this.owner.refuse(this, 'lost', reason);
  }

  /** As if it came now. */
  protected override onSeveralOwners(_owners: RedisOwners): void {
    this.client.context.core.counters.countRefusal('cross_slot');
    this.fail(ERRORS.crossSlot);
  }

  refuse(refusal: Refusal): void {
    if (!this.isOpen || (refusal.kind === 'failure' && this.fallsBack())) return;
    this.client.context.core.counters.countRefusal(refusal.kind);
    this.fail(refusalText(refusal));
  }

  protected fail(text: string): void {
    this.isOpen = false;
    this.stopWaiting();
    if (this.isSent) this.client.onGivenUp(this);
    this.answerFailure(text);
  }

  protected answerFailure(text: string): void {
    this.client.onError(this, text);
  }

  override abandon(): void {
    if (this.isOpen && this.isSent) this.client.onGivenUp(this);
    this.cancel();
  }

  override cancel(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.traffic.cancelled++;
    this.stopWaiting();
  }

  /** What its shard has ends there: told to try again, its client would have it carried out twice. */
  leave(): void {
    if (!this.isSent) this.giveUp();
  }

  giveUp(): void {
    if (!this.isOpen) return;
    if (this.isSent)
      this.refuse({ kind: 'failure', failure: 'lost', shard: this.owner.label, reason: 'the key has moved' });
    else this.fail(ERRORS.moved);
  }

  describe(): OpenStream {
    const { owner, client, keyText } = this;
    return {
      client: client.address,
      version: `RESP${this.protocol}`,
      protocol: REDIS_PROTOCOL,
      route: '',
      cluster: owner.cluster,
      shard: owner.id,
      key: keyText,
      ageMs: this.ageMs(client.context.core.turn.nowMs),
      requestBytes: this.length,
      responseBytes: 0,
      retries: Math.max(0, this.sendings - 1),
    };
  }
}
