import type { Agreed } from './agreed.ts';

/**
 * Whether what nodes say may be older than what was said before, as it is with those that are cut off from the others. A newer config epoch is newer
 * whoever says it. Else, and where answers have no epochs, most of the primaries that owned slots have to be among those that say it, each by
 * itself or by a replica that has taken over from it.
 */
export function isBehind(now: Agreed, before: Agreed): boolean {
  if (now.epoch > 0 && now.epoch >= before.epoch) return false;
  const owners = before.primaries.filter(({ slots }) => slots.length > 0);
  const speaks = ({ id, address }: { readonly id: string; readonly address: string }): boolean =>
    now.voices.has(id) || now.voices.has(address);
  const leads = new Set(now.primaries.filter(({ slots }) => slots.length > 0).map(({ id }) => id));
  const succeeded = new Set(
    before.replicas.filter((replica) => leads.has(replica.id) && speaks(replica)).map(({ follows }) => follows),
  );
  const heard = owners.filter((owner) => speaks(owner) || succeeded.has(owner.id)).length;
  return owners.length > 0 && 2 * heard <= owners.length;
}
