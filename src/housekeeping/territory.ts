import { Cluster, type Topology } from '../topology/index.ts';
import type { Unit } from './unit.ts';

/** What carries out the tasks of projects: the owner of a project's key, or one node for all of them. */
export type ProjectsBy = 'owner' | 'leader';

/** What leads. */
export interface Leads {
  readonly cluster: boolean;
  readonly shard: boolean;
}

/** Which units are a shard's, by topology, projects and elections. */
export class Territory {
  readonly #shard: string;
  readonly #by: ProjectsBy;
  #cluster: Cluster | null = null;
  /** Null: not known yet. */
  #projects: readonly string[] | null = null;
  /** Null: not known yet. */
  #owned: readonly string[] | null = null;

  constructor(shard: string, by: ProjectsBy) {
    this.#shard = shard;
    this.#by = by;
  }

  setTopology(topology: Topology | null): void {
    this.#cluster = topology === null ? null : new Cluster(topology);
    this.#owned = null;
  }

  setProjects(projects: readonly string[]): void {
    this.#projects = projects;
    this.#owned = null;
  }

  /** Whether the project is there no more, as far as is known. */
  isGone(unit: Unit): boolean {
    return unit.kind === 'project' && this.#projects !== null && !this.#projects.includes(unit.project);
  }

  /** The units that this node should hold, each by what it leads. */
  units(leads: Leads): Array<{ readonly unit: Unit; readonly by: 'cluster' | 'shard' }> {
    const units: Array<{ unit: Unit; by: 'cluster' | 'shard' }> = [];
    if (leads.cluster) units.push({ unit: { kind: 'cluster' }, by: 'cluster' });
    if (leads.shard && this.#cluster?.shards.some(({ id }) => id === this.#shard) === true)
      units.push({ unit: { kind: 'shard', shard: this.#shard }, by: 'shard' });
    const by = this.#by === 'leader' ? 'cluster' : 'shard';
    if (!leads[by] || this.#cluster === null) return units;
    this.#owned ??= (this.#projects ?? []).filter((project) => by === 'cluster' || this.#owns(project));
    for (const project of this.#owned) units.push({ unit: { kind: 'project', project }, by });
    return units;
  }

  #owns(project: string): boolean {
    const key = Buffer.from(project, 'utf8');
    return this.#cluster?.shards[this.#cluster.locate(key, 0, key.length)]?.id === this.#shard;
  }
}
