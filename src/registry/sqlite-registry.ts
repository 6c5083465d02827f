import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { openDurable, transaction } from '../sqlite/index.ts';
import type { ClusterDescription } from '../topology/index.ts';
import { type Registry, type StoredTopology, type TopologyVersion, VersionConflict } from './registry.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS topologies (
    namespace TEXT NOT NULL,
    cluster TEXT NOT NULL,
    version INTEGER NOT NULL,
    description TEXT NOT NULL,
    PRIMARY KEY (namespace, cluster)
  ) WITHOUT ROWID;
`;

interface Row {
  readonly version: TopologyVersion;
  readonly description: string;
}

/** The embedded registry: one SQLite file. */
export class SqliteRegistry implements Registry {
  readonly #database: DatabaseSync;
  readonly #read: StatementSync;
  readonly #write: StatementSync;

  constructor(file: string) {
    this.#database = openDurable(file, SCHEMA);
    this.#read = this.#database.prepare(
      'SELECT version, description FROM topologies WHERE namespace = ? AND cluster = ?',
    );
    this.#write = this.#database.prepare(
      'INSERT INTO topologies (namespace, cluster, version, description) VALUES (?, ?, ?, ?) ' +
        'ON CONFLICT (namespace, cluster) DO UPDATE SET version = excluded.version, description = excluded.description',
    );
  }

  read(namespace: string, cluster: string): StoredTopology | null {
    const row = this.#read.get(namespace, cluster) as Row | undefined;
    if (row === undefined) return null;
    return { namespace, version: row.version, cluster: JSON.parse(row.description) as ClusterDescription };
  }

  compareAndSet(namespace: string, cluster: ClusterDescription, expected: TopologyVersion | null): StoredTopology {
    return transaction(this.#database, () => {
      const current = this.read(namespace, cluster.name)?.version ?? null;
      if (current !== expected) throw new VersionConflict(`${namespace}/${cluster.name}`, expected, current);
      const version = ((current ?? 0) + 1) as TopologyVersion;
      this.#write.run(namespace, cluster.name, version, JSON.stringify(cluster));
      return { namespace, version, cluster };
    });
  }

  close(): void {
    this.#database.close();
  }
}
