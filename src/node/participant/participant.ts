import { hasEnded, processMark } from '../../ownership/index.ts';
import { type ActiveHealthDescription, HealthChecker } from '../../proxy/health/index.ts';
import { type MemberProcess, type Registry, StoreUnavailable, UnreadableEntry } from '../../registry/index.ts';
import { splitAddress } from '../../runtime/address.ts';
import { plainText } from '../../runtime/foreign-errors.ts';
import { namedFile, secretIn } from '../../runtime/named-file.ts';
import { RETRY_MS } from '../../runtime/pause.ts';
import type { TopologyName } from '../../topology/index.ts';
import { BackendProcess } from './backend-process.ts';
import { Caller, FIRST_CALL } from './caller.ts';
import type { ParticipantBackend, ParticipantReply } from './calls.ts';
import { MAX_GRANT_MS } from './grant.ts';
import { Questions } from './questions.ts';
import type { AskedAt, ParticipantSettings } from './settings.ts';

/** Of a lease: it takes two answers that do not come until a backend stops to serve. */
const GRANTS_PER_LEASE = 3;

export interface ParticipantOptions {
  readonly registry: Registry;
  readonly name: TopologyName;
  readonly shard: string;
  readonly nodeId: string;
  /** By which the topology has the shard. */
  readonly address: string;
  readonly leaseMs: number;
  /** This process: it stands for the backend in the registry. */
  readonly process: MemberProcess;
  readonly backend: ParticipantSettings;
  /** Where the backend asks about its keys. */
  readonly ask: AskedAt;
  /** How its health is checked; undefined: it is well for as long as it answers. */
  readonly health: ActiveHealthDescription | undefined;
  /** Called when its health changes, with the fault, or null. */
  readonly onHealth: (fault: string | null) => void;
  /** Called when it does not answer as it should, with the fault, and with null once it does. */
  readonly onFault: (fault: string | null) => void;
  readonly clock: () => number;
  readonly timeOfDayMs: () => number;
  readonly random: () => number;
}

/** Has a backend take part in handoffs that does so by itself: translates each step into a call, and reports its answer. */
export class Participant {
  /** Resolves once it is registered. */
  readonly ready: Promise<void>;
  readonly #options: ParticipantOptions;
  readonly #questions: Questions;
  readonly #leaving = new AbortController();
  readonly #checker: HealthChecker | null;
  #onReady: () => void = () => {};
  #isHealthy: boolean;
  #onHealthy: () => void = () => {};
  /** By the call, or whatever else, that they are of. */
  readonly #faults = new Map<string, string>();
  #process: BackendProcess | null = null;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ParticipantOptions) {
    const { health, address, random } = options;
    this.#options = options;
    this.#isHealthy = health === undefined;
    this.#questions = new Questions(
      (keys) => this.#process?.answer(keys) ?? null,
      (fault) => this.#onFault('the certificate for questions', fault),
    );
    this.ready = new Promise((resolve) => {
      this.#onReady = resolve;
    });
    const endpoint = { target: splitAddress(address), certificates: null };
    this.#checker =
      health === undefined
        ? null
        : new HealthChecker(endpoint, 'auto', health, random, (fault) => this.#onVerdict(fault));
  }

  #onVerdict(fault: string | null): void {
    this.#options.onHealth(fault);
    this.#isHealthy = fault === null;
    if (this.#isHealthy) this.#onHealthy();
    if (this.#process !== null) this.#process.isHealthy = this.#isHealthy;
  }

  /** Takes questions, and registers once the backend is well and answers. @throws Error where the address for questions cannot be had; NamedFileFault, TlsFileError */
  async start(): Promise<void> {
    const { name, shard, ask, backend, timeOfDayMs } = this.#options;
    const calls = await connected(backend, timeOfDayMs);
    const caller = new Caller(calls, { ...name, shard, ask: await this.#questions.listen(ask) });
    this.#running = this.#run(caller).finally(() => calls.close());
  }

  async #run(caller: Caller): Promise<void> {
    const { signal } = this.#leaving;
    if (!this.#isHealthy) await this.#healthy(signal);
    const isOver = await this.#predecessorsOver(signal);
    while (!signal.aborted) {
      const hello = await this.#hello(caller, signal);
      if (hello === null) return;
      await this.#follow(caller, hello, isOver);
    }
  }

  #healthy(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#onHealthy = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  /** Asks until it answers. @returns null where `signal` was aborted first */
  async #hello(caller: Caller, signal: AbortSignal): Promise<ParticipantReply | null> {
    while (!signal.aborted) {
      try {
        const reply = await caller.call('serve', FIRST_CALL, signal);
        if (reply.isRefused) throw new Error('it refuses a first call');
        this.#onFault('serve', null);
        return reply;
      } catch (error) {
        if (!signal.aborted) this.#onFault('serve', plainText(error));
      }
      await this.#options.registry.pause(RETRY_MS, signal);
    }
    return null;
  }

  /** Looks after one process of the backend, until another one is there. */
  async #follow(caller: Caller, hello: ParticipantReply, isOver: (mark: string) => boolean): Promise<void> {
    const { registry, name, shard, address, nodeId, leaseMs, process, clock } = this.#options;
    const backend = new BackendProcess(
      {
        registry,
        identity: { name, shard, address, nodeId, leaseMs, process, isOver },
        caller,
        grantMs: Math.min(leaseMs / GRANTS_PER_LEASE, MAX_GRANT_MS),
        clock,
        onFault: (step, fault) => this.#onFault(step, fault),
      },
      hello,
    );
    this.#process = backend;
    backend.isHealthy = this.#isHealthy;
    const until = AbortSignal.any([this.#leaving.signal, backend.over]);
    void backend.start().then(this.#onReady);
    await new Promise<void>((resolve) => {
      if (until.aborted) resolve();
      until.addEventListener('abort', () => resolve(), { once: true });
    });
    this.#process = null;
    await backend.stop();
  }

  /**
   * Of an earlier agent of this shard that has ended, its backend may still serve by what it was allowed last: that time is waited for.
   * @returns whether nothing is served any more by an earlier one
   */
  async #predecessorsOver(signal: AbortSignal): Promise<(mark: string) => boolean> {
    const { registry, name, shard, nodeId, process } = this.#options;
    while (!signal.aborted) {
      try {
        const { nodes } = await registry.handoffs.read(name);
        const earlier = nodes.filter((node) => node.shard === shard && node.nodeId === nodeId && !node.ended);
        const over = earlier.map(({ process }) => process).filter(hasEnded);
        if (over.length > 0) await registry.pause(MAX_GRANT_MS, signal, 0);
        // Of this agent's own, each has been stopped before the next one begins.
        const own = processMark(process.pid);
        return (mark) => over.includes(mark) || (mark !== '' && mark === own);
      } catch (error) {
        if (!(error instanceof StoreUnavailable || error instanceof UnreadableEntry)) throw error;
        await registry.pause(RETRY_MS, signal);
      }
    }
    return () => false;
  }

  /** Each fault once, and null once none is left. */
  #onFault(of: string, fault: string | null): void {
    if (fault === (this.#faults.get(of) ?? null)) return;
    if (fault === null) this.#faults.delete(of);
    else this.#faults.set(of, fault);
    if (fault !== null) this.#options.onFault(`${of}: ${fault}`);
    else if (this.#faults.size === 0) this.#options.onFault(null);
  }

  /** Has the backend serve nothing any more, and takes the node out of the registry. */
  async leave(): Promise<void> {
    this.#leaving.abort();
    this.#checker?.stop();
    await this.#running;
    this.#questions.close();
    await this.#options.registry.close();
  }
}

/** @throws NamedFileFault */
async function connected(
  { url, caFile, tokenFile }: ParticipantSettings,
  timeOfDayMs: () => number,
): Promise<ParticipantBackend> {
  const authorities = caFile === null ? null : namedFile(caFile);
  const token = tokenFile === null ? null : secretIn(tokenFile);
  // Their libraries are many files, which few need.
  if (url.protocol === 'grpc:' || url.protocol === 'grpcs:') {
    const { GrpcParticipant } = await import('./grpc-participant.ts');
    const isTls = url.protocol === 'grpcs:';
    return new GrpcParticipant({ address: url.host, token, authorities: isTls ? authorities : undefined, timeOfDayMs });
  }
  const { HttpParticipant } = await import('./http-participant.ts');
  return new HttpParticipant(url.href, token, authorities);
}
