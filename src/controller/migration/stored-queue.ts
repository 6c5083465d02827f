import { z } from 'zod';
import type { Expectation, Registry, Revision, Term } from '../../registry/index.ts';
import { formatSlotRanges, parseSlotRanges, type SlotRange, type TopologyName } from '../../topology/index.ts';
import { EMPTY_QUEUE, type Migration, type MigrationQueue, type OpenSlots, trimmed } from './migration.ts';
import { slotsOfRanges } from './slot-sets.ts';

const slots = z.string().transform((text, context) => {
  const ranges = parseSlotRanges(text);
  if (typeof ranges !== 'string') return ranges;
  context.addIssue(ranges);
  return z.NEVER;
});

/** Of a single slot, which is all that earlier releases know. Theirs may have no run; no server's is empty. */
const openSlot = z
  .object({ slot: z.int(), run: z.string().default(''), isSettling: z.boolean() })
  .transform(({ slot, run, isSettling }): OpenSlots => {
    const own: SlotRange[] = [[slot, slot]];
    return { moving: isSettling ? [] : own, settling: isSettling ? own : [], run };
  });
const open = z.union([z.object({ moving: slots, settling: slots, run: z.string() }), openSlot]);

const migration = z.object({
  id: z.int().min(1),
  from: z.string(),
  to: z.string(),
  withData: z.boolean(),
  keysPerSecond: z.number().nullable(),
  left: slots,
  settled: slots,
  open: open.nullable(),
  state: z.enum(['queued', 'paused', 'cancelled', 'failed', 'done']),
  slots: z.int(),
  movedKeys: z.int(),
  reason: z.string().nullable(),
});

const step = z.object({
  kind: z.enum(['join', 'leave']),
  shard: z.string(),
  nodes: z.array(z.object({ address: z.string(), id: z.string().optional() })),
});

const schema = z.object({
  nextId: z.int().min(1),
  migrations: z.array(migration),
  steps: z.array(step).default([]),
});

function documentOf({ migrations, ...rest }: MigrationQueue): object {
  const textOf = ({ left, settled, open, ...rest }: Migration): object => ({
    ...rest,
    left: formatSlotRanges(left),
    settled: formatSlotRanges(settled),
    open: open === null ? null : openDocumentOf(open),
  });
  return { ...rest, migrations: migrations.map(textOf) };
}

/** An earlier release can go on with a single slot. It leaves several alone, and fails nothing over meanwhile. */
function openDocumentOf({ moving, settling, run }: OpenSlots): object {
  const [slot, ...others] = slotsOfRanges([...moving, ...settling]);
  return slot !== undefined && others.length === 0
    ? { slot, run, isSettling: moving.length === 0 }
    : { moving: formatSlotRanges(moving), settling: formatSlotRanges(settling), run };
}

/** The term of whoever writes is over, or the queue was changed again and again meanwhile. */
export class QueueNotWritten extends Error {
  override readonly name = 'QueueNotWritten';
}

/** The registry has migrations that this release cannot read, as a later one may write them: nothing can be done that they may be about. */
export class QueueUnreadable extends Error {
  override readonly name = 'QueueUnreadable';

  constructor() {
    super('the registry has migrations that this release cannot read: no slot moves, and nothing is failed over');
  }
}

/** How often a change is tried again because another came between. */
const MAX_ATTEMPTS = 20;

/** A queue, and the document that it was read from, at its revision; 0: there is none. */
interface StoredMigrations {
  readonly queue: MigrationQueue;
  readonly document: string;
  readonly revision: Revision | 0;
}

/** A cluster's migrations, as the registry keeps them: whatever happens to a controller, the next one goes on with them. */
export class StoredQueue {
  readonly #registry: Registry;
  readonly #document: string;

  constructor(registry: Registry, { namespace, cluster }: TopologyName) {
    this.#registry = registry;
    this.#document = `migrations/${namespace}/${cluster}`;
  }

  /** @throws QueueUnreadable */
  async read(): Promise<MigrationQueue> {
    return (await this.readStored()).queue;
  }

  /** The same, with what a commit of documents has to expect where it depends on it. @throws QueueUnreadable */
  async readStored(): Promise<StoredMigrations> {
    const { documents } = this.#registry;
    const document = await documents.get(this.#document);
    if (document === null) return { queue: EMPTY_QUEUE, revision: 0, document: this.#document };
    const queue = documents.read(document, schema);
    if (queue === undefined) throw new QueueUnreadable();
    return { queue, revision: document.revision, document: this.#document };
  }

  /**
   * Changes the queue, whatever others change in it at the same time.
   * @param edit what becomes of it; called again where it was changed in between. What it throws is thrown
   * @param term of which the writer has to be in the middle; null: anybody may
   * @returns the queue then
   * @throws QueueNotWritten; QueueUnreadable
   */
  async change(
    edit: (queue: MigrationQueue) => MigrationQueue,
    term: Pick<Term, 'election' | 'token'> | null,
  ): Promise<MigrationQueue> {
    const { documents } = this.#registry;
    const inTerm: Expectation[] = term === null ? [] : [{ election: term.election, token: term.token }];
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const { queue, revision } = await this.readStored();
      const wanted = trimmed(edit(queue));
      const expected = [{ document: this.#document, revision }, ...inTerm];
      const change = { name: this.#document, value: documentOf(wanted) };
      if ((await documents.commit(expected, [change])) !== null) return wanted;
    }
    throw new QueueNotWritten('the migrations were not changed: others have changed them, or the term is over');
  }
}
