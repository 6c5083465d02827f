import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkTopology, type Topology, type TopologyName, topologyDocument, topologyText } from '../topology/index.ts';

/**
 * The last topologies that this router has served, in files: what it starts from while the registry cannot be reached. A file
 * is replaced whole, so that a process that ends in the middle leaves the one before.
 */
export class KeptTopologies {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  #fileOf({ namespace, cluster }: TopologyName): string {
    return join(this.#folder, `${namespace}.${cluster}.json`);
  }

  /** @throws Error where the folder cannot be written */
  keep(topology: Topology): void {
    const file = this.#fileOf({ namespace: topology.namespace, cluster: topology.name });
    mkdirSync(this.#folder, { recursive: true });
    writeFileSync(`${file}.new`, `${JSON.stringify(topologyDocument(topology))}\n`, { flush: true });
    renameSync(`${file}.new`, file);
  }

  /** @returns null where none was kept, or what was kept is none */
  read(name: TopologyName): Topology | null {
    try {
      const document = JSON.parse(readFileSync(this.#fileOf(name), 'utf8')) as unknown;
      const topology = checkTopology(document, `the kept topology of ${topologyText(name)}`);
      return topology.version === null ? null : (topology as Topology);
    } catch {
      return null;
    }
  }
}
