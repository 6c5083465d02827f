import { SLOT_COUNT } from '../../../src/placement/index.ts';
import type { SlotRange } from '../../../src/topology/index.ts';
import { type KnownNode, NODE_ID_LENGTH, parseNodes } from './cluster-nodes.ts';
import { KvrocksError } from './kvrocks-error.ts';
import { rangeText, slotsIn } from './slots.ts';

/** What becomes of a server by its topology. */
export interface ClusterEffects {
  /** It follows another server from now on, or none. @throws KvrocksError */
  follow(master: { readonly host: string; readonly port: number } | null): void;
  /** Its keys of a slot that has gone to another node are deleted. */
  clearSlots(range: SlotRange): void;
  /** The slots that move away and come, for CLUSTER NODES. */
  moving(): { readonly away: SlotRange | null; readonly to: string; readonly coming: SlotRange | null };
}

/** What a node knows of its cluster (cluster.cc). Nodes do not speak with each other of it: whoever leads them tells each. */
export class ClusterState {
  version = -1;
  myId = '';
  nodes: ReadonlyMap<string, KnownNode> = new Map();
  /** A slot that a topology gives to nobody keeps the owner that it had. */
  readonly owners: Array<KnownNode | null> = new Array(SLOT_COUNT).fill(null);
  /** Slots that have been moved away, with the address that has them; and that have come. No topology says so yet. */
  readonly migrated = new Map<number, string>();
  readonly imported = new Set<number>();
  readonly #port: number;
  readonly #effects: ClusterEffects;

  constructor(port: number, effects: ClusterEffects) {
    this.#port = port;
    this.#effects = effects;
  }

  get myself(): KnownNode | null {
    return this.nodes.get(this.myId) ?? null;
  }

  setNodeId(id: string): void {
    this.myId = id;
    this.#follow();
  }

  /** @throws KvrocksError */
  setNodes(text: string, version: number, isForced: boolean): void {
    if (version < 0) throw new KvrocksError('Invalid cluster version');
    if (!isForced && this.version > version) throw new KvrocksError('Invalid cluster version');
    if (!isForced && this.version === version) return;
    const { nodes, owners } = parseNodes(text);
    this.version = version;
    this.nodes = nodes;
    for (const [slot, id] of owners) this.owners[slot] = nodes.get(id) ?? null;
    if (this.myId === '' || isForced)
      for (const { id, port } of nodes.values()) if (port === this.#port) this.myId = id;
    this.#follow();
    for (const slot of this.migrated.keys())
      if (this.owners[slot]?.id !== this.myId) this.#effects.clearSlots([slot, slot]);
    this.migrated.clear();
    this.imported.clear();
  }

  #follow(): void {
    const { myself } = this;
    if (myself === null) return;
    if (myself.masterId === null) this.#effects.follow(null);
    else {
      const master = this.nodes.get(myself.masterId);
      if (master !== undefined) this.#effects.follow(master);
    }
  }

  /** The version has to be the next one: the change is made to what is known. @throws KvrocksError */
  setSlots(ranges: readonly SlotRange[], id: string, version: number): void {
    if (version <= 0 || version !== this.version + 1) throw new KvrocksError('Invalid cluster version');
    if (id.length !== NODE_ID_LENGTH) throw new KvrocksError('Invalid cluster node id');
    const node = this.nodes.get(id);
    if (node === undefined) throw new KvrocksError('No this node in the cluster');
    if (node.masterId !== null) throw new KvrocksError("The node isn't a master");
    this.version = version;
    for (const slot of ranges.flatMap(slotsIn)) {
      const before = this.owners[slot];
      this.owners[slot] = node;
      if (before?.id !== this.myId || before === node) continue;
      if (this.migrated.delete(slot)) this.#effects.clearSlots([slot, slot]);
      this.imported.delete(slot);
    }
  }

  reset(): void {
    this.version = -1;
    this.myId = '';
    this.nodes = new Map();
    this.owners.fill(null);
    this.migrated.clear();
    this.imported.clear();
  }

  /** @throws KvrocksError where it has been told of no topology */
  checkInitialised(): void {
    if (this.version < 0) throw new KvrocksError('The cluster is not initialized', 'CLUSTERDOWN');
  }

  /** The general lines of CLUSTER INFO. */
  info(): string {
    const assigned = this.owners.filter((owner) => owner !== null).length;
    const owning = new Set(this.owners.flatMap((owner) => owner?.id ?? []));
    return [
      'cluster_state:ok',
      `cluster_slots_assigned:${assigned}`,
      `cluster_slots_ok:${assigned}`,
      'cluster_slots_pfail:0',
      'cluster_slots_fail:0',
      `cluster_known_nodes:${this.nodes.size}`,
      `cluster_size:${[...this.nodes.values()].filter(({ id }) => owning.has(id)).length}`,
      `cluster_current_epoch:${this.version}`,
      `cluster_my_epoch:${this.version}`,
      '',
    ].join('\r\n');
  }

  /** CLUSTER NODES. @param nowMs since 1970 */
  description(nowMs: number): string {
    const ranges = new Map<string, string[]>();
    for (const { owner, range } of this.runs())
      ranges.set(owner.id, [...(ranges.get(owner.id) ?? []), rangeText(range)]);
    const lines = [...this.nodes.values()].map(({ id, host, port, masterId }) => {
      const role = masterId === null ? 'master -' : `slave ${masterId}`;
      const flags = `${id === this.myId ? 'myself,' : ''}${role}`;
      const slots = masterId === null ? (ranges.get(id) ?? []) : [];
      const words = [id, `${host}:${port}@${port + 10000}`, flags, nowMs - 1, nowMs, this.version, 'connected'];
      return [...words, ...slots, ...(id === this.myId ? this.#ownMoves() : [])].join(' ');
    });
    return lines.map((line) => `${line}\n`).join('');
  }

  #ownMoves(): string[] {
    const { away, to, coming } = this.#effects.moving();
    return [
      ...(away === null ? [] : [`[${rangeText(away)}->-${to}]`]),
      ...(coming === null ? [] : [`[${rangeText(coming)}-<-${this.owners[coming[0]]?.id ?? ''}]`]),
    ];
  }

  /** Slots in a row with one owner. */
  runs(): Array<{ readonly owner: KnownNode; readonly range: SlotRange }> {
    const runs: Array<{ owner: KnownNode; range: [number, number] }> = [];
    for (const [slot, owner] of this.owners.entries()) {
      const last = runs.at(-1);
      if (owner === null) continue;
      if (last?.owner === owner && last.range[1] === slot - 1) last.range[1] = slot;
      else runs.push({ owner, range: [slot, slot] });
    }
    return runs;
  }

  /** What is kept beside the data, to be told to itself by `setNodes` at the next start. */
  text(): string {
    const slots = new Map<string, string[]>();
    for (const { owner, range } of this.runs()) slots.set(owner.id, [...(slots.get(owner.id) ?? []), rangeText(range)]);
    const lines = [...this.nodes.values()].map(({ id, host, port, masterId }) =>
      [id, host, port, masterId === null ? `master - ${(slots.get(id) ?? []).join(' ')}` : `slave ${masterId}`].join(
        ' ',
      ),
    );
    return lines.map((line) => `${line.trimEnd()}\n`).join('');
  }
}
