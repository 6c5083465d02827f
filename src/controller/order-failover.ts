import type { Registry } from '../registry/index.ts';
import type { TopologyName } from '../topology/index.ts';
import { type FailoverOrder, OrderReplaced, StoredOrder } from './failover-order.ts';

const LOOK_MS = 200;
/** A controller that has died is replaced within its lease, which is 10 s by default. What has not been begun by then is not begun. */
const LONGEST_MS = 60_000;

/** A failover that people wanted was refused, or came to nothing. Its message is for them. */
export class FailoverNotDone extends Error {
  override readonly name = 'FailoverNotDone';
}

/** No controller has answered in time. */
export class NoController extends Error {
  override readonly name = 'NoController';
}

/**
 * Has a replica take over from a primary that is well, and waits until a controller has carried that out.
 * @param to the id or the address of the replica; null: the one that has most of the data
 * @returns the order, with its outcome
 * @throws FailoverNotDone; NoController; OrderReplaced where another one has come
 */
export async function orderFailover(
  registry: Registry,
  name: TopologyName,
  shard: string,
  to: string | null,
  timeOfDayMs: () => number,
  signal: AbortSignal,
): Promise<FailoverOrder & { readonly outcome: { readonly text: string } }> {
  const orders = new StoredOrder(registry, name);
  const untilMs = timeOfDayMs() + LONGEST_MS;
  const { id } = await orders.give(shard, to, untilMs);
  for (let waitedMs = 0; waitedMs < LONGEST_MS && !signal.aborted; waitedMs += LOOK_MS) {
    const order = await orders.read();
    if (order?.id !== id) throw new OrderReplaced();
    const { outcome } = order;
    if (outcome?.isDone === true) return { ...order, outcome };
    if (outcome !== null) throw new FailoverNotDone(outcome.text);
    await registry.pause(LOOK_MS, signal, 0);
  }
  throw new NoController(`no controller has answered; does keyway controller lead ${name.cluster}?`);
}
