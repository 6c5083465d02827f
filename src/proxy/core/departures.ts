/**
 * Clusters that a reloaded config has no more, or whose topology was deleted, while something is open to them: their watches are told
 * to leave, and calls that are under way finish.
 */
export class Departures {
  readonly #leaving = new Map<string, Array<(isGone: boolean) => void>>();
  #isLooking = false;

  add(cluster: string): void {
    if (!this.#leaving.has(cluster)) this.#leaving.set(cluster, []);
  }

  has(cluster: string): boolean {
    return this.#leaving.has(cluster);
  }

  /** A later config, or a later topology, has it again. */
  comeBack(cluster: string): void {
    this.#end(cluster, false);
  }

  /** Resolves once nothing is open to it any more; false where it has come back, or never had to go. */
  gone(cluster: string): Promise<boolean> {
    const waiting = this.#leaving.get(cluster);
    return waiting === undefined ? Promise.resolve(false) : new Promise((resolve) => waiting.push(resolve));
  }

  /**
   * Looks which clusters are gone. Called every second or so.
   * @param visitOpen passes on the cluster of each request that is under way
   * @param onGone called before the waits for the cluster end
   */
  async look(
    visitOpen: (visit: (cluster: string) => void) => Promise<void>,
    onGone: (cluster: string) => void = () => {},
  ): Promise<void> {
    if (this.#leaving.size === 0 || this.#isLooking) return;
    this.#isLooking = true;
    const empty = new Map(this.#leaving);
    await visitOpen((cluster) => empty.delete(cluster));
    this.#isLooking = false;
    for (const [cluster, waiting] of empty) {
      // It has come back meanwhile, and may have left once more since.
      if (this.#leaving.get(cluster) !== waiting) continue;
      onGone(cluster);
      this.#end(cluster, true);
    }
  }

  #end(cluster: string, isGone: boolean): void {
    const waiting = this.#leaving.get(cluster) ?? [];
    this.#leaving.delete(cluster);
    for (const resolve of waiting) resolve(isGone);
  }
}
