import { SLOT_COUNT } from '../../../placement/index.ts';

/** How many commands were for the keys of a slot. */
export interface SlotCommands {
  readonly slot: number;
  readonly commands: number;
}

/** How many commands were for each slot of a cluster, of those that had any. A command counts for each of its keys. */
export interface SlotTrafficReport {
  readonly clusters: ReadonlyArray<{ readonly cluster: string; readonly slots: readonly SlotCommands[] }>;
}

/** Counts a thread's commands by slot for as long as somebody wants to know. */
export class SlotTraffic {
  /** By cluster. */
  readonly #counts = new Map<string, Uint32Array>();

  /** A command for a key of a slot was taken. */
  onCommand(cluster: string, slot: number): void {
    let counts = this.#counts.get(cluster);
    if (counts === undefined) {
      counts = new Uint32Array(SLOT_COUNT);
      this.#counts.set(cluster, counts);
    }
    counts[slot] = (counts[slot] as number) + 1;
  }

  report(): SlotTrafficReport {
    return {
      clusters: [...this.#counts].map(([cluster, counts]) => ({
        cluster,
        slots: [...counts].flatMap((commands, slot) => (commands === 0 ? [] : [{ slot, commands }])),
      })),
    };
  }
}

/** What all threads have counted, as one. */
export function mergeSlotTraffic(reports: readonly SlotTrafficReport[]): SlotTrafficReport {
  const all = new Map<string, Map<number, number>>();
  for (const { cluster, slots } of reports.flatMap(({ clusters }) => clusters)) {
    const counts = all.get(cluster) ?? new Map<number, number>();
    all.set(cluster, counts);
    for (const { slot, commands } of slots) counts.set(slot, (counts.get(slot) ?? 0) + commands);
  }
  return {
    clusters: [...all].map(([cluster, counts]) => ({
      cluster,
      slots: [...counts].map(([slot, commands]) => ({ slot, commands })).sort((a, b) => a.slot - b.slot),
    })),
  };
}
