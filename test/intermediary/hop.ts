import type { RouterUnderTest } from '../support/cluster.ts';
import type { Scope } from '../support/processes.ts';
import type { Answer, Got, Request, Version } from './message.ts';
import { Client, type Script, type Shard } from './peers.ts';

/** From which version to which. */
export const WAYS = ['h1→h1', 'h1→h2', 'h2→h1', 'h2→h2'] as const;
export type Way = (typeof WAYS)[number];
export const FROM_H1: readonly Way[] = ['h1→h1', 'h1→h2'];
export const FROM_H2: readonly Way[] = ['h2→h1', 'h2→h2'];
export const TO_H1: readonly Way[] = ['h1→h1', 'h2→h1'];
export const TO_H2: readonly Way[] = ['h1→h2', 'h2→h2'];

let hops = 0;

/** One way through the router, for one rule. */
export class Hop {
  readonly from: Version;
  readonly to: Version;
  readonly shard: Shard;
  readonly #scope: Scope;
  readonly #router: RouterUnderTest;
  /** A path of its own: a request of an earlier rule that was given up may come late. */
  readonly #path = `/x${++hops}`;

  constructor(way: Way, router: RouterUnderTest, shards: Readonly<Record<Version, Shard>>, scope: Scope) {
    const [from, to] = way.split('→') as [Version, Version];
    this.from = from;
    this.to = to;
    this.shard = shards[to];
    this.#router = router;
    this.#scope = scope;
    this.answers({});
  }

  connect(): Promise<Client> {
    return Client.connect(this.#scope, this.#router.port, this.from);
  }

  /** How the shard answers from now on. */
  answers(answer: Answer | Script): void {
    this.shard.begin(typeof answer === 'function' ? answer : () => answer);
  }

  /** The target of a request on this way. */
  targetOf({ target, path = this.#path }: Request): string {
    return target ?? `/${this.to}${path}`;
  }

  /** A request on a connection of its own, with what came of it; `got` is null where the connection ended without an answer. */
  async ask(request: Request, answer?: Answer | Script): Promise<{ client: Client; got: Got | null }> {
    if (answer !== undefined) this.answers(answer);
    const client = await this.connect();
    client.send(request, this.targetOf(request));
    return { client, got: await client.answer() };
  }

  /** The same where it has to succeed: with what the shard got. */
  async exchange(request: Request, answer?: Answer | Script): Promise<{ client: Client; got: Got; seen: Got }> {
    const { client, got } = await this.ask(request, answer);
    if (got === null) throw new Error('no answer');
    if (this.shard.requests.length === 0) throw new Error(`the shard was not asked: ${got.status} ${got.content}`);
    return { client, got, seen: await this.shard.request(this.targetOf(request)) };
  }

  /** A request that must not reach the shard. @returns the status of the refusal, or what else became of it */
  async refused(request: Request): Promise<number | string> {
    this.shard.requests = [];
    const { got } = await this.ask(request);
    const target = this.targetOf(request);
    if (this.shard.requests.some((each) => each.target === target)) return `the shard was asked for ${target}`;
    if (got === null) return 'closed';
    return got.end === 'complete' ? got.status : got.end;
  }
}
