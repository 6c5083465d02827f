import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KeptTopology, TopologyKeeper } from '../handoff/index.ts';
import type { StoredNode } from '../registry/index.ts';
import { makePrivateFolder, writePrivateFile } from '../runtime/private-file.ts';
import { readTopology, type Topology, type TopologyName, topologyDocument, topologyText } from '../topology/index.ts';

/** What an earlier release kept has no claim. */
interface KeptFile {
  readonly topology: unknown;
  readonly nodes: StoredNode[];
  readonly claimedBy?: string | null;
}

/**
 * The last topologies that this router has served, in files. A file is replaced whole, so that a process that ends in the
 * middle leaves the one before.
 */
export class KeptTopologies implements TopologyKeeper {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  #fileOf({ namespace, cluster }: TopologyName): string {
    return join(this.#folder, `${namespace}.${cluster}.json`);
  }

  /** @throws Error where the folder cannot be written */
  keep({ topology, nodes, claimedBy }: KeptTopology): void {
    const file = this.#fileOf({ namespace: topology.namespace, cluster: topology.name });
    makePrivateFolder(this.#folder);
    const kept = { topology: topologyDocument(topology), nodes, claimedBy };
    writePrivateFile(file, `${JSON.stringify(kept)}\n`);
  }

  /** @returns null where none was kept, or what was kept is none */
  read(name: TopologyName): KeptTopology | null {
    try {
      const kept = JSON.parse(readFileSync(this.#fileOf(name), 'utf8')) as KeptFile;
      const { topology } = readTopology(kept.topology, `the kept topology of ${topologyText(name)}`);
      if (topology.version === null) return null;
      // Names may have dots: a file may be that of another cluster.
      if (topology.namespace !== name.namespace || topology.name !== name.cluster) return null;
      // Nodes that are not known cannot be said to refuse what they have lost.
      const nodes = Array.isArray(kept.nodes) ? kept.nodes : [];
      return { topology: topology as Topology, nodes, claimedBy: kept.claimedBy ?? null };
    } catch {
      return null;
    }
  }
}
