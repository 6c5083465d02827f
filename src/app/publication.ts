/** After a wave: the next one mostly begins sooner. People see for as long that this router is one version behind. */
const SOON_MS = 1000;

/** Publishes something at once, or with what there is to publish next. */
export class Publication {
  readonly #publish: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(publish: () => void) {
    this.#publish = publish;
  }

  now(): void {
    this.stop();
    this.#publish();
  }

  /** Within a second. */
  soon(): void {
    this.#timer ??= setTimeout(() => this.now(), SOON_MS).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
