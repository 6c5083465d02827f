import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { slotOf } from '../../../placement/index.ts';
import type { RespClient } from '../../../resp/index.ts';

/** So long a name is nobody's. */
const NAME_BYTES = 16;

/** Whether a node answers for a slot, and sends nobody elsewhere. @throws RespClientError */
export async function serves(client: RespClient, slot: number): Promise<boolean> {
  return (await client.ask(['EXISTS', keyOf(slot)])).type === 'integer';
}

/** Whether a node takes writes to a slot. @throws RespClientError */
export async function takesWrites(client: RespClient, slot: number): Promise<boolean> {
  return (await client.ask(['DEL', keyOf(slot)])).type === 'integer';
}

/** A key of a slot that nobody has. */
function keyOf(slot: number): string {
  const name = randomBytes(NAME_BYTES).toString('hex');
  for (let i = 0; ; i++) {
    const key = `keyway:${name}:${i}`;
    if (slotOf(Buffer.from(key), 0, key.length) === slot) return key;
  }
}
