import { z } from 'zod';
import type { Registry, Revision, Term } from '../registry/index.ts';
import type { TopologyName } from '../topology/index.ts';

const schema = z.object({
  id: z.int().min(1),
  shard: z.string(),
  to: z.string().nullable(),
  // An order of an earlier release has none: whoever gave it waits no more.
  untilMs: z.number().default(0),
  chosen: z.string().nullable(),
  outcome: z.object({ isDone: z.boolean(), text: z.string() }).nullable(),
});

/** What people want: that a replica takes over from a primary that is well. */
export interface FailoverOrder {
  readonly id: number;
  readonly shard: string;
  /** The id or the address of the node that is to take over; null: the one that has most of the data. */
  readonly to: string | null;
  /** Nobody waits for it any more at this time of day, in milliseconds since 1970: it is not begun then. */
  readonly untilMs: number;
  /** The id of the node that was chosen, noted before it is told; null: none yet. */
  readonly chosen: string | null;
  /** What has come of it, for people; null: it is not over. */
  readonly outcome: { readonly isDone: boolean; readonly text: string } | null;
}

/** Another order has taken the place of one, or its controller's term is over. */
export class OrderReplaced extends Error {
  override readonly name = 'OrderReplaced';

  constructor() {
    super('another failover has been asked for meanwhile');
  }
}

/** The last order to fail over that was given for a cluster, as the registry keeps it. */
export class StoredOrder {
  readonly #documents: Registry['documents'];
  readonly #name: string;

  constructor({ documents }: Registry, { namespace, cluster }: TopologyName) {
    this.#documents = documents;
    this.#name = `failover/${namespace}/${cluster}`;
  }

  /** Null: there was none. */
  async read(): Promise<FailoverOrder | null> {
    return (await this.#read()).order;
  }

  async #read(): Promise<{ readonly order: FailoverOrder | null; readonly revision: Revision | 0 }> {
    const document = await this.#documents.get(this.#name);
    if (document === null) return { order: null, revision: 0 };
    return { order: this.#documents.read(document, schema) ?? null, revision: document.revision };
  }

  /** Gives an order, in place of any other. @throws OrderReplaced where another one comes at the same moment */
  async give(shard: string, to: string | null, untilMs: number): Promise<FailoverOrder> {
    const { order: last, revision } = await this.#read();
    const order = { id: (last?.id ?? 0) + 1, shard, to, untilMs, chosen: null, outcome: null };
    if ((await this.#documents.put(this.#name, order, revision)) === null) throw new OrderReplaced();
    return order;
  }

  /** Notes what a controller has done about an order. @returns false where another order has come, or its term is over */
  async note(
    { id }: FailoverOrder,
    change: Partial<Pick<FailoverOrder, 'chosen' | 'outcome'>>,
    { election, token }: Pick<Term, 'election' | 'token'>,
  ): Promise<boolean> {
    const { order, revision } = await this.#read();
    if (order?.id !== id) return false;
    const expected = [
      { document: this.#name, revision },
      { election, token },
    ];
    return (await this.#documents.commit(expected, [{ name: this.#name, value: { ...order, ...change } }])) !== null;
  }
}
