import type { Change, Condition, Entry, LeaseId, Recalled, Revision, Store, Watcher } from '../store/store.ts';
import { Denial } from './denial.ts';
import type { Participant } from './participants.ts';
import { mayDependOn, mayWrite, rolesThatMayWrite, roleText } from './roles.ts';

/**
 * A store that knows whose leases are whose. Where an owner is given, the leases of others, and entries that go with them,
 * are out of reach: that is a `Denial`. Where none is, it is the process itself that asks, and may do all.
 */
export interface OwnedStore extends Store {
  commit(conditions: readonly Condition[], changes: readonly Change[], owner?: string): Promise<Revision | null>;
  grantLease(lengthMs: number, owner?: string): Promise<LeaseId>;
  renewLease(lease: LeaseId, owner?: string): Promise<boolean>;
  revokeLease(lease: LeaseId, owner?: string): Promise<void>;
}

/** A store as one participant has it: what its role does not allow is a `Denial`. */
export class ParticipantStore implements Store {
  readonly #store: OwnedStore;
  readonly #participant: Participant;

  constructor(store: OwnedStore, participant: Participant) {
    this.#store = store;
    this.#participant = participant;
  }

  get(key: string): Promise<Entry | null> {
    return this.#store.get(key);
  }

  list(prefix: string): Promise<{ entries: readonly Entry[]; revision: Revision }> {
    return this.#store.list(prefix);
  }

  async commit(conditions: readonly Condition[], changes: readonly Change[]): Promise<Revision | null> {
    const { owner, role } = this.#participant;
    this.#checkWrites();
    for (const { key } of changes) if (!mayWrite(role, key)) throw this.#denied(`write ${key}`, rolesThatMayWrite(key));
    for (const condition of conditions) {
      const key = 'prefix' in condition ? condition.prefix : condition.key;
      if (!mayDependOn(role, key)) throw this.#denied(`make a commit depend on ${key}`, rolesThatMayWrite(key));
    }
    return this.#store.commit(conditions, changes, owner);
  }

  watch(prefix: string, after: Revision, watcher: Watcher): () => void {
    return this.#store.watch(prefix, after, watcher);
  }

  recall(seen: Entry | null): Promise<Recalled> {
    return this.#store.recall(seen);
  }

  async grantLease(lengthMs: number): Promise<LeaseId> {
    this.#checkWrites();
    return this.#store.grantLease(lengthMs, this.#participant.owner);
  }

  async renewLease(lease: LeaseId): Promise<boolean> {
    this.#checkWrites();
    return this.#store.renewLease(lease, this.#participant.owner);
  }

  async revokeLease(lease: LeaseId): Promise<void> {
    this.#checkWrites();
    return this.#store.revokeLease(lease, this.#participant.owner);
  }

  get closed(): AbortSignal {
    return this.#store.closed;
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  #checkWrites(): void {
    if (this.#participant.role.kind === 'read') throw this.#denied('write', 'route, shard or administer');
  }

  #denied(what: string, needed: string): Denial {
    const has = roleText(this.#participant.role);
    return new Denial('not allowed', `this token has the role ${has}; to ${what} needs the role ${needed}`);
  }
}
