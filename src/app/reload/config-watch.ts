import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';

/** Twice as long passes at most between a change and its being taken up. */
const LOOK_MS = 500;

/**
 * Reports when the contents of files have changed. They are looked at where their names lead at the moment: a file that
 * an editor has put in the other's place, a link that leads elsewhere (as Kubernetes changes a ConfigMap) and a mounted
 * file are seen alike, which the kernel's own notifications are not. One that is gone, or is being written, is waited
 * for.
 */
export class ConfigWatch {
  readonly #files: () => readonly string[];
  readonly #onChange: () => void;
  /** The contents that were taken up. */
  #taken: string | null = null;
  /** As they were at the last look, and what the files looked like from outside. */
  #seen: string | null = null;
  #stamp = '';
  #timer: NodeJS.Timeout | null = null;

  /** @param files asked at each look; none: nothing is looked at. @param onChange called once for each change */
  constructor(files: () => readonly string[], onChange: () => void) {
    this.#files = files;
    this.#onChange = onChange;
  }

  start(): void {
    this.#lookLater();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #lookLater(): void {
    this.#timer = setTimeout(() => void this.look().then(() => this.#timer !== null && this.#lookLater()), LOOK_MS);
    this.#timer.unref();
  }

  /** The files are read now, for whatever reason: what they hold is no news. */
  async taken(): Promise<void> {
    this.#stamp = await this.#stampNow();
    this.#taken = await this.#contents();
    this.#seen = this.#taken;
  }

  /** Looks once. A change counts once the files hold the same at two looks, for a write may be under way. */
  async look(): Promise<void> {
    const stamp = await this.#stampNow();
    if (stamp === this.#stamp && this.#seen === this.#taken) return;
    const contents = await this.#contents();
    if (contents === null) return;
    this.#stamp = stamp;
    const isSettled = contents === this.#seen;
    this.#seen = contents;
    if (!isSettled || contents === this.#taken) return;
    this.#taken = contents;
    this.#onChange();
  }

  async #stampNow(): Promise<string> {
    const stamps = this.#files().map(async (file) => {
      const { ino, size, mtimeMs, ctimeMs } = await stat(file);
      return `${file} ${ino} ${size} ${mtimeMs} ${ctimeMs}`;
    });
    return Promise.all(stamps).then(
      (all) => all.join('\n'),
      () => '',
    );
  }

  /** A hash over what the files hold; null where one cannot be read. */
  async #contents(): Promise<string | null> {
    const hash = createHash('sha256');
    try {
      for (const file of this.#files()) hash.update(await readFile(file)).update('\0');
    } catch {
      return null;
    }
    return hash.digest('hex');
  }
}
