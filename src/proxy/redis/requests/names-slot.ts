import { slotOf } from '../../../placement/index.ts';
import type { Redirect } from '../../../resp/index.ts';
import { isKeyless, type RequestKeys } from './routed-command.ts';

/** Whether a redirect names the slot of a command's keys, so that it is no text of a script. */
export function namesSlotOf(redirect: Redirect | null, keys: RequestKeys): boolean {
  if (redirect === null || isKeyless(keys)) return false;
  const key = Buffer.from(keys.key, 'latin1');
  return redirect.slot === slotOf(key, 0, key.length);
}
