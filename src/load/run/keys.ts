/** What a request is about. */
export interface LoadKey {
  /** As the shard key's header has it. */
  readonly key: string;
  readonly project: string;
  readonly document: string;
}

/** How often which key is asked for. */
export type KeyDistribution =
  | { readonly kind: 'uniform' }
  /** The n-th key in proportion to 1/n^exponent: a few are asked for often, and most seldom. */
  | { readonly kind: 'zipf'; readonly exponent: number }
  /** So large a share of requests is about so large a share of keys. */
  | { readonly kind: 'hot'; readonly requests: number; readonly keys: number }
  /** One after the other, and again from the beginning. */
  | { readonly kind: 'sequential' };

/** Building names for each request would cost more than sending it; keeping them takes some tens of megabytes. */
const MAX_KEPT = 200_000;

/** The keys there are: of projects and documents, or a list. */
export class KeySpace {
  readonly size: number;
  readonly #documents: number;
  readonly #list: readonly string[] | null;
  readonly #kept: LoadKey[] = [];

  private constructor(size: number, documents: number, list: readonly string[] | null) {
    this.size = size;
    this.#documents = documents;
    this.#list = list;
  }

  /** A number of projects, each of a number of documents. */
  static of(projects: number, documents: number): KeySpace {
    return new KeySpace(projects * documents, documents, null);
  }

  /** @param keys `project/document`, or anything else */
  static listed(keys: readonly string[]): KeySpace {
    return new KeySpace(keys.length, 0, keys);
  }

  /** The key at a place, which is the same object whenever it is asked for, where there is room to keep it. */
  at(index: number): LoadKey {
    const kept = this.#kept[index];
    if (kept !== undefined) return kept;
    const made = this.#make(index);
    if (index < MAX_KEPT) this.#kept[index] = made;
    return made;
  }

  #make(index: number): LoadKey {
    if (this.#list !== null) {
      const key = this.#list[index] as string;
      const slash = key.indexOf('/');
      return { key, project: slash < 0 ? key : key.slice(0, slash), document: slash < 0 ? '' : key.slice(slash + 1) };
    }
    const project = `project-${Math.floor(index / this.#documents)}`;
    const document = `document-${index % this.#documents}`;
    return { key: `${project}/${document}`, project, document };
  }
}

/** Picks indices of keys, below `size`. @param random from 0 on, below 1 */
export function keyPicker(distribution: KeyDistribution, size: number, random: () => number): () => number {
  switch (distribution.kind) {
    case 'uniform':
      return () => Math.floor(random() * size);
    case 'sequential': {
      let next = 0;
      return () => next++ % size;
    }
    case 'hot': {
      const hot = Math.max(1, Math.round(size * distribution.keys));
      const cold = size - hot;
      return () =>
        cold === 0 || random() < distribution.requests ? Math.floor(random() * hot) : hot + Math.floor(random() * cold);
    }
    case 'zipf':
      return zipfPicker(distribution.exponent, size, random);
  }
}

/** By the sums of all weights, halved until the key is found. */
function zipfPicker(exponent: number, size: number, random: () => number): () => number {
  const sums = new Float64Array(size);
  let sum = 0;
  for (let i = 0; i < size; i++) {
    sum += 1 / (i + 1) ** exponent;
    sums[i] = sum;
  }
  return () => {
    const wanted = random() * sum;
    let [low, high] = [0, size - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] as number) > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
