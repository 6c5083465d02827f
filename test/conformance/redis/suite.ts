import type { Outcomes } from './outcomes.ts';
import type { Target, TargetName } from './targets.ts';

/** What a suite runs against: servers directly, and the same servers through the router. */
export interface Matchup {
  readonly direct: TargetName;
  readonly through: readonly TargetName[];
}

/** Tests of a client, in its own words or in ours. */
export interface Suite {
  /** The client and its version. */
  readonly name: string;
  readonly matchups: readonly Matchup[];
  /** What has to be installed; see test/requirements.ts. */
  readonly needs: readonly string[];
  /** Brings what else it needs to `.tools`, unless that is there. */
  prepare(): Promise<void>;
  /**
   * @param report a file's name without its ending, for what the suite itself reports
   * @param only the tests to run, where not all of them; a suite of few tests may run all
   */
  run(target: Target, report: string, only?: readonly string[]): Promise<Outcomes>;
}
