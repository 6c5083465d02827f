import type { FencingToken, Leader, Registry, Term } from '../registry/index.ts';
import type { Board, StoredClaim } from './board.ts';
import type { Claim, UnitState } from './entries.ts';
import { type Unit, unitText } from './unit.ts';

/** A unit to hold, and the term to hold it by. */
export interface Wanted {
  readonly unit: Unit;
  readonly term: Term;
}

/** A unit that was claimed, with what is known of its tasks. */
export interface Taken extends Wanted {
  readonly token: FencingToken;
  readonly state: UnitState | undefined;
}

/** Takes units that have no holder, or whose holder has ended. */
export class Claims {
  readonly #registry: Registry;
  readonly #board: Board;
  readonly #node: string;
  #leaders: ReadonlyMap<string, Leader> = new Map();

  constructor(registry: Registry, board: Board, node: string) {
    this.#registry = registry;
    this.#board = board;
    this.#node = node;
  }

  /** Follows the leaders, so that the registry need not be asked about each one. */
  async follow(elections: string, signal: AbortSignal, onChange: () => void): Promise<void> {
    for await (const leaders of this.#registry.elections.watch(elections, signal)) {
      if (leaders !== null) this.#leaders = leaders;
      onChange();
    }
  }

  /** @param wanted none of which is held here. @param claims as they were last seen. @returns those that were taken */
  async take(wanted: Iterable<Wanted>, claims: ReadonlyMap<string, StoredClaim>): Promise<Taken[]> {
    const byTerm = new Map<Term, Unit[]>();
    const ended = new Map<string, boolean>();
    for (const { unit, term } of wanted) {
      const claim = claims.get(unitText(unit));
      // This node's own claim on a unit that it does not hold: the answer to it never came.
      if (claim !== undefined && claim.token !== term.token && !(await this.#hasEnded(claim, ended))) continue;
      const units = byTerm.get(term);
      if (units === undefined) byTerm.set(term, [unit]);
      else units.push(unit);
    }
    const taken: Taken[] = [];
    for (const [term, units] of byTerm) taken.push(...(await this.#takeFor(term, units, claims)));
    return taken;
  }

  /**
   * Gives back what was claimed by terms that go on, and is neither held nor wanted: the answer to the claim never
   * came, and the unit has gone elsewhere meanwhile. No other node could take it for as long as the term lasts.
   * @param claims as they were last seen.
   * @param isOurs whether a unit is held, or wanted
   */
  async giveBack(
    terms: readonly Term[],
    claims: ReadonlyMap<string, StoredClaim>,
    isOurs: (unit: string) => boolean,
  ): Promise<void> {
    const tokens = new Set(terms.map(({ token }) => token));
    const forgotten = [...claims].filter(([unit, { token }]) => tokens.has(token) && !isOurs(unit));
    await this.#board.abandon(forgotten.map(([unit, { revision }]) => ({ unit, revision })));
  }

  /** Whether the term of a claim is over, by the registry itself: what is followed here may be of before the claim. */
  async #hasEnded({ election, token }: Claim, known: Map<string, boolean>): Promise<boolean> {
    if (this.#leaders.get(election)?.token === token) return false;
    const key = `${election} ${token}`;
    const ended = known.get(key) ?? (await this.#registry.elections.leader(election))?.token !== token;
    known.set(key, ended);
    return ended;
  }

  async #takeFor(term: Term, units: readonly Unit[], claims: ReadonlyMap<string, StoredClaim>): Promise<Taken[]> {
    const seen = units.map((unit) => {
      const name = unitText(unit);
      return { unit: name, revision: claims.get(name)?.revision ?? (0 as const) };
    });
    const { election, token } = term;
    const tokens = await this.#board.claim(seen, { election, token, node: this.#node });
    if (tokens.size === 0) return [];
    const states = await this.#board.states([...tokens.keys()]);
    return units.flatMap((unit) => {
      const name = unitText(unit);
      const taken = tokens.get(name);
      return taken === undefined ? [] : [{ unit, term, token: taken, state: states.get(name) }];
    });
  }
}
