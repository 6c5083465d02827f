import type { PositionRange } from '../../../topology/index.ts';
import type { GatedRequest } from './gated-request.ts';
import { RequestsByPosition } from './requests-by-position.ts';

/** Visits the requests to a cluster that are under way, some at a time; resolves once all were visited. */
export type VisitOpen = (visit: (request: GatedRequest) => void) => Promise<void>;

/** Longer than the pause between two waves is by default. Behind a longer one the next wave looks at all again. */
const KEPT_MS = 10_000;

/**
 * The requests to a cluster that are under way. While it changes, and for a while after, it is known where their keys are, so that a wave that moves a few
 * of them looks at no others.
 */
export class KnownRequests {
  readonly #visitOpen: VisitOpen;
  /** Null: it is not known. */
  #known: RequestsByPosition | null = null;
  #forgetting: NodeJS.Timeout | undefined;

  constructor(visitOpen: VisitOpen) {
    this.#visitOpen = visitOpen;
  }

  /** Notes a request that has just been let through. */
  add(request: GatedRequest): void {
    this.#known?.add(request);
  }

  /**
   * Visits those that are under way with keys of these positions, all where that is not known, or no positions are given; resolves once they were
   * visited. Requests that are let through meanwhile may be missed.
   */
  visit(range: PositionRange | undefined, visit: (request: GatedRequest) => void): Promise<void> {
    return this.#known?.visit(range, visit) ?? this.#visitOpen(visit);
  }

  /**
   * Visits all that are under way, and gets to know where their keys are; none where that is known already.
   * @param isStray whether its owner is another one than that of its key, so that every change concerns it
   * @returns null where it is known
   */
  learn(isStray: (request: GatedRequest) => boolean, visit: (request: GatedRequest) => void): Promise<void> | null {
    clearTimeout(this.#forgetting);
    if (this.#known !== null) return null;
    const known = new RequestsByPosition();
    this.#known = known;
    known.complete = this.#visitOpen((request) => {
      if (this.#known === known) known.note(request, isStray(request));
      visit(request);
    });
    return known.complete;
  }

  /** Requests have owners that they had before what was current became so: what is known counts for nothing. */
  forget(): void {
    this.#known = null;
  }

  /** No change is under way any more. */
  forgetLater(): void {
    clearTimeout(this.#forgetting);
    if (this.#known === null) return;
    this.#forgetting = setTimeout(() => this.forget(), KEPT_MS);
    this.#forgetting.unref();
  }

  stop(): void {
    clearTimeout(this.#forgetting);
  }
}
