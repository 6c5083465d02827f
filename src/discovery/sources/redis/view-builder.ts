import { SLOT_COUNT } from '../../../placement/index.ts';
import type { SlotRange } from '../../../topology/index.ts';
import type { NodeView, SeenNode } from './node-view.ts';

/** Redis Cluster is made for up to a thousand nodes. */
const MAX_NODES = 4096;
/** More faults of one answer say no more; people have to read them. */
const MAX_FAULTS = 8;
/** Of what is wrong so much is shown. */
const MAX_SHOWN = 128;

/** A text of a node as it is shown to people: bounded, and on one line. */
export function shown(text: string): string {
  return JSON.stringify(text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text);
}

/** What a node says of its cluster, as it is read: whatever that is, it stays within bounds. */
export class ViewBuilder {
  readonly #nodes = new Map<string, SeenNode & { readonly slots: SlotRange[] }>();
  readonly #faults: string[] = [];
  #faultsLeftOut = 0;
  /** So many slots there are; what is claimed beyond that is claimed twice. */
  #slotsLeft = SLOT_COUNT;

  has(id: string): boolean {
    return this.#nodes.has(id);
  }

  /** Adds a node, or replaces what was said of it. @returns false where there are more than are read */
  set(node: Omit<SeenNode, 'slots'>): boolean {
    if (this.#nodes.size >= MAX_NODES && !this.has(node.id)) {
      this.fault(`more than ${MAX_NODES} nodes`);
      return false;
    }
    this.#nodes.set(node.id, { ...node, slots: this.#nodes.get(node.id)?.slots ?? [] });
    return true;
  }

  /** Slots are a node's, which was added before. */
  give(id: string, ranges: readonly SlotRange[]): void {
    for (const range of ranges) {
      const count = range[1] - range[0] + 1;
      if (count > this.#slotsLeft) {
        this.fault('more slots than there are: some have several owners');
        return;
      }
      this.#slotsLeft -= count;
      this.#nodes.get(id)?.slots.push(range);
    }
  }

  /** Something cannot be read, and is left out. @param text of the node, where it shows what that is */
  fault(message: string, text?: string): void {
    if (this.#faults.length < MAX_FAULTS)
      this.#faults.push(text === undefined ? message : `${message}: ${shown(text)}`);
    else this.#faultsLeftOut++;
  }

  /** @param self which of the nodes it is itself */
  view(asked: string, self: string | null): NodeView {
    const faults = [...this.#faults];
    if (this.#faultsLeftOut > 0) faults.push(`${this.#faultsLeftOut} more faults`);
    return { asked, self, nodes: [...this.#nodes.values()], faults };
  }
}
