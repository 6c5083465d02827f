/** Reads a router's config again, and knows what came of it before. */
export interface AdminReloads {
  /** How often each came of it. */
  readonly counts: Readonly<Record<ReloadResult, number>>;
  /** Whether the config was refused when it was last read. */
  readonly isRefused: boolean;
  /** Where the config says what the router does not do before it is started again. */
  readonly needsRestart: readonly string[];
  /**
   * Reads the config now, and has the router use it where it is valid. Never rejects.
   * @param by for the log: what asked for it
   */
  reload(by: string): Promise<ReloadOutcome>;
}

/** Applied whole; nothing had changed; applied but for what needs a restart; nothing was changed, because of a fault. */
export type ReloadResult = 'applied' | 'unchanged' | 'partly' | 'refused';

/** What came of a reload. Plain data. */
export interface ReloadOutcome {
  readonly result: ReloadResult;
  /** The config's file. */
  readonly file: string;
  /** Fields that count from now on, such as `routes.0.timeoutMs`. */
  readonly applied: readonly string[];
  readonly needsRestart: readonly string[];
  /** Fields of the file in which nothing has changed. */
  readonly unchanged: readonly string[];
  /** Why nothing was changed, with the place in the file; null where it was right. */
  readonly fault: string | null;
}
