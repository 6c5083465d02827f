import type { AdminReloads, ReloadOutcome, ReloadResult } from '../../admin/index.ts';
import { loadConfig } from '../../config/index.ts';
import { plainText } from '../../runtime/foreign-errors.ts';
import type { RouterProcess } from '../router-process.ts';
import { ConfigWatch } from './config-watch.ts';

/** Has a router use its config file as it now is: when that is asked for, and when the file changes. */
export class Reloader implements AdminReloads {
  readonly counts: Record<ReloadResult, number> = { applied: 0, unchanged: 0, partly: 0, refused: 0 };
  isRefused = false;
  needsRestart: readonly string[] = [];
  readonly #file: string;
  readonly #router: RouterProcess;
  readonly #watch: ConfigWatch;
  #underWay: Promise<unknown> = Promise.resolve();
  /** One that has not begun, and so reads what is there later than now. */
  #next: Promise<ReloadOutcome> | null = null;

  constructor(file: string, router: RouterProcess) {
    this.#file = file;
    this.#router = router;
    this.#watch = new ConfigWatch(
      () => this.#watched(),
      () => void this.reload('the file has changed'),
    );
    // The router comes up by what the file holds now.
    this.#underWay = this.#watch.taken();
  }

  /** What the config is read from, besides certificates, which are looked at all the time. */
  #watched(): string[] {
    const { reloadOnChange, file } = this.#router.config;
    if (!reloadOnChange) return [];
    const { tokenFile } = file.admin;
    return tokenFile === undefined ? [this.#file] : [this.#file, tokenFile];
  }

  /** Looks for changes of the file from now on. */
  start(): void {
    this.#watch.start();
  }

  stop(): void {
    this.#watch.stop();
  }

  reload(by: string): Promise<ReloadOutcome> {
    if (this.#next !== null) return this.#next;
    this.#next = this.#underWay.then(() => {
      this.#next = null;
      return this.#reload(by);
    });
    this.#underWay = this.#next;
    return this.#next;
  }

  async #reload(by: string): Promise<ReloadOutcome> {
    const outcome = await this.#outcome();
    const { result, applied, needsRestart, fault } = outcome;
    this.counts[result]++;
    this.isRefused = result === 'refused';
    const { log } = this.#router;
    if (fault !== null) log.error({ by, fault }, 'the config is refused: the last valid one stays in use');
    else {
      this.needsRestart = needsRestart;
      log.info({ by, applied, needsRestart }, 'the config was read again');
    }
    return outcome;
  }

  async #outcome(): Promise<ReloadOutcome> {
    const file = this.#file;
    try {
      await this.#watch.taken();
      const { applied, needsRestart, unchanged } = await this.#router.reload(loadConfig(file));
      const result = needsRestart.length > 0 ? 'partly' : applied.length > 0 ? 'applied' : 'unchanged';
      return { result, file, applied, needsRestart, unchanged, fault: null };
    } catch (error) {
      const fault = plainText(error);
      return { result: 'refused', file, applied: [], needsRestart: [], unchanged: [], fault };
    }
  }
}
