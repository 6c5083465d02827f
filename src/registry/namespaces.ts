import { identifier } from '../topology/index.ts';
import { checked } from '../yaml/index.ts';
import type { Condition } from './store/store.ts';
import { liveTopologies, POINTERS } from './topology-entries.ts';
import type { TrackedStore } from './tracked-store.ts';

/** Always there; it cannot be deleted. */
export const DEFAULT_NAMESPACE = 'default';

const keyOf = (name: string): string => `namespace/${name}`;

/** There is no such namespace, or it cannot be made or deleted. */
export class NamespaceError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'NamespaceError';
  }
}

/** Namespaces hold clusters, so that two may have one name. */
export class Namespaces {
  readonly #store: TrackedStore;

  constructor(store: TrackedStore) {
    this.#store = store;
  }

  /** @throws NamespaceError where it exists already, or where no cluster could be in it by its name */
  async create(name: string): Promise<void> {
    const found = checked(identifier, name);
    if ('fault' in found) throw new NamespaceError(`"${name}" is not a namespace: ${found.fault}`);
    const taken = name === DEFAULT_NAMESPACE;
    const key = keyOf(name);
    if (taken || (await this.#store.commit([{ key, revision: 0 }], [{ key, value: '{}' }])) === null)
      throw new NamespaceError(`the namespace ${name} exists already`);
  }

  async list(): Promise<string[]> {
    const { entries } = await this.#store.list(keyOf(''));
    return [DEFAULT_NAMESPACE, ...entries.map(({ key }) => key.slice(keyOf('').length))];
  }

  /** @throws NamespaceError where there is no such namespace, or it still has clusters */
  async delete(name: string): Promise<void> {
    if (name === DEFAULT_NAMESPACE) throw new NamespaceError(`the namespace ${name} is always there`);
    const conditions = await this.condition(name);
    const prefix = `${POINTERS}${name}/`;
    const { entries, revision } = await this.#store.list(prefix);
    const clusters = liveTopologies(entries, this.#store.unreadable).map(({ cluster }) => cluster);
    if (clusters.length > 0)
      throw new NamespaceError(`the namespace ${name} still has ${clusters.join(', ')}; delete these first`);
    // A cluster that is created later finds that the namespace has gone; one that was created meanwhile is found here.
    const isUnchanged: Condition = { prefix, unchangedSince: revision };
    if ((await this.#store.commit([...conditions, isUnchanged], [{ key: keyOf(name), value: null }])) === null)
      throw new NamespaceError(`the namespace ${name} was changed meanwhile; try again`);
  }

  /** What has to hold of a commit into it. @throws NamespaceError where there is no such namespace */
  async condition(name: string): Promise<Condition[]> {
    if (name === DEFAULT_NAMESPACE) return [];
    const entry = await this.#store.get(keyOf(name));
    if (entry === null) throw new NamespaceError(`there is no namespace ${name}; make it: keyway ns create ${name}`);
    return [{ key: keyOf(name), revision: entry.revision }];
  }
}
