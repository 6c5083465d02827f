import { type Reply, RespClient, textOf } from '../../resp/index.ts';
import { splitAddress } from '../../runtime/address.ts';
import { type NodeAccess, type Sight, SlotMoveError } from '../engine.ts';

/** Asks a node by a connection of its own. @throws RespClientError where it cannot be reached */
export async function withNode<Result>(
  { login, certificates, timeoutMs }: Pick<NodeAccess, 'login' | 'certificates' | 'timeoutMs'>,
  address: string,
  ask: (client: RespClient) => Promise<Result>,
): Promise<Result> {
  const client = await RespClient.connect({ target: splitAddress(address), certificates }, login, timeoutMs);
  try {
    return await ask(client);
  } finally {
    client.close();
  }
}

/** @throws SlotMoveError where it is an error */
export function textIn(reply: Reply, address: string): string {
  if (reply.type === 'error') throw new SlotMoveError(`${address} refuses: ${reply.text}`);
  return textOf(reply) ?? '';
}

/** What an error among answers to a probe means; null: there is none. */
export function refusalIn(replies: readonly Reply[]): Sight | null {
  const error = replies.find(({ type }) => type === 'error');
  if (error === undefined) return null;
  const reason = textOf(error) ?? '';
  return reason.startsWith('LOADING ') ? { kind: 'loading' } : { kind: 'refusing', reason };
}
