import type { LeaseTimes, Registry, Term } from '../registry/index.ts';
import { aborted } from '../runtime/aborted.ts';

/** Leads elections whenever this node is elected. */
export class Leadership {
  readonly #registry: Registry;
  readonly #node: string;
  readonly #times: LeaseTimes;
  readonly #onTerm: (election: string, term: Term | null) => void;
  readonly #quiet: (term: Term) => Promise<void>;
  readonly #terms = new Map<string, Term>();

  /**
   * @param onTerm called when a term begins, and, with null, when it has ended
   * @param quiet resolves once nothing continues under a term that has ended
   */
  constructor(
    registry: Registry,
    node: string,
    times: LeaseTimes,
    onTerm: (election: string, term: Term | null) => void,
    quiet: (term: Term) => Promise<void>,
  ) {
    this.#registry = registry;
    this.#node = node;
    this.#times = times;
    this.#onTerm = onTerm;
    this.#quiet = quiet;
  }

  /** The term that goes on, by this process' clock at this moment; or null. */
  termOf(election: string): Term | null {
    const term = this.#terms.get(election);
    return term?.isLeading === true ? term : null;
  }

  /** Campaigns, again after every term; resigns once `signal` is aborted. */
  async campaign(election: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const term = await this.#registry.elections.campaign(election, this.#node, this.#times, signal);
      if (term === null) return;
      this.#terms.set(election, term);
      this.#onTerm(election, term);
      await aborted(AbortSignal.any([term.ended, signal]));
      this.#terms.delete(election);
      this.#onTerm(election, null);
      // From then on others take over what was this one's.
      await this.#quiet(term);
      await term.resign();
    }
  }
}
