import type { Change, Condition, Entry, Store, Watcher } from '../../../src/registry/store/store.ts';

/** What processes ask a store, and hear from it. */
export interface Traffic {
  /** Calls to the store. */
  operations: number;
  /** Of those the ones that write. */
  writes: number;
  /** Calls, their answers, and the changes that watches get. */
  messages: number;
  /** Of keys and values in them. */
  bytes: number;
}

export function newTraffic(): Traffic {
  return { operations: 0, writes: 0, messages: 0, bytes: 0 };
}

/** A store's client whose traffic is counted. */
export function counted(store: Store, traffic: Traffic): Store {
  const call = async <Answer>(asked: number, ask: () => Promise<Answer>, sizeOf: (answer: Answer) => number) => {
    traffic.operations++;
    traffic.messages += 2;
    traffic.bytes += asked;
    const answer = await ask();
    traffic.bytes += sizeOf(answer);
    return answer;
  };
  const small = (): number => 8;
  const lease = (id: string): number => id.length;
  return {
    get: (key) => call(key.length, () => store.get(key), entryBytes),
    list: (prefix) =>
      call(
        prefix.length,
        () => store.list(prefix),
        ({ entries }) => entries.reduce((sum, entry) => sum + entryBytes(entry), 8),
      ),
    commit: (conditions, changes) => {
      traffic.writes++;
      return call(commitBytes(conditions, changes), () => store.commit(conditions, changes), small);
    },
    watch: (prefix, after, watcher) => {
      traffic.messages++;
      traffic.bytes += prefix.length;
      return store.watch(prefix, after, countedWatcher(watcher, traffic));
    },
    recall: (seen) => call(entryBytes(seen), () => store.recall(seen), small),
    grantLease: (lengthMs) => call(8, () => store.grantLease(lengthMs), lease),
    renewLease: (id) => call(lease(id), () => store.renewLease(id), small),
    revokeLease: (id) => call(lease(id), () => store.revokeLease(id), small),
    get closed() {
      return store.closed;
    },
    close: () => store.close(),
  };
}

function countedWatcher(watcher: Watcher, traffic: Traffic): Watcher {
  return {
    onBegun: () => watcher.onBegun(),
    onChanges: (changes) => {
      traffic.messages++;
      for (const { key, entry } of changes.events) traffic.bytes += entry === null ? key.length : entryBytes(entry);
      watcher.onChanges(changes);
    },
    onEnded: (reason) => watcher.onEnded(reason),
  };
}

function entryBytes(entry: Entry | null): number {
  return entry === null ? 0 : entry.key.length + entry.value.length;
}

function commitBytes(conditions: readonly Condition[], changes: readonly Change[]): number {
  const asked = conditions.reduce((sum, each) => sum + 8 + ('key' in each ? each.key : each.prefix).length, 0);
  return changes.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), asked);
}
