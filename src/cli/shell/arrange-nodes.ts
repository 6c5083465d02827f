import { splitAddress } from '../../runtime/address.ts';

/**
 * Divides nodes into shards, each with as many: masters on as many hosts as there are, and slaves away from the hosts of their shard, as far as
 * that can be.
 * @param addresses as many as the shards, or a multiple of that
 * @returns for each shard its master, then its slaves
 */
export function arrangedNodes(addresses: readonly string[], shards: number): string[][] {
  const left = inTurn(addresses);
  const arranged = left.splice(0, shards).map((master) => [master]);
  while (left.length > 0) {
    const round = left.splice(0, shards);
    const fits = (at: number, address = ''): boolean => !(arranged[at] ?? []).map(hostOf).includes(hostOf(address));
    for (let i = 0; i < round.length; i++) {
      if (fits(i, round[i])) continue;
      const other = round.findIndex((each, j) => fits(i, each) && fits(j, round[i]));
      if (other >= 0) [round[i], round[other]] = [round[other] as string, round[i] as string];
    }
    for (const [i, address] of round.entries()) arranged[i]?.push(address);
  }
  return arranged;
}

/** One of each host, then the next of each. */
function inTurn(addresses: readonly string[]): string[] {
  const counts = new Map<string, number>();
  const turns: string[][] = [];
  for (const address of [...addresses].sort()) {
    const turn = counts.get(hostOf(address)) ?? 0;
    counts.set(hostOf(address), turn + 1);
    turns[turn] = [...(turns[turn] ?? []), address];
  }
  return turns.flat();
}

function hostOf(address: string): string {
  return splitAddress(address).host;
}
