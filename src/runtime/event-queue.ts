/** What callbacks push, as something to iterate over. */
export class EventQueue<Event> implements AsyncIterable<Event> {
  readonly #events: Event[] = [];
  #wake: (() => void) | null = null;
  #ended: { readonly error: Error | null } | null = null;

  push(event: Event): void {
    if (this.#ended !== null) return;
    this.#events.push(event);
    this.#wake?.();
  }

  /** What was pushed is still given out; then the iteration ends, or throws. */
  end(error: Error | null): void {
    this.#ended ??= { error };
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Event> {
    for (;;) {
      const event = this.#events.shift();
      if (event !== undefined) yield event;
      else if (this.#ended !== null) {
        if (this.#ended.error !== null) throw this.#ended.error;
        return;
      } else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}
