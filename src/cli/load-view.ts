import { type LiveState, liveText, type Mark, type Second, secondText } from '../load/index.ts';

/** How often what stands on a terminal is drawn anew. */
const DRAW_MS = 500;
const UP = (lines: number): string => (lines === 0 ? '' : `\x1b[${lines}A`);
const CLEAR_BELOW = '\x1b[J';

/** Where a person looks on: a picture on a terminal, or a line a second. */
export interface LoadView {
  onSecond(second: Second): void;
  onMark(mark: Mark): void;
  end(): void;
}

/** @param state what there is to be seen, asked for at each drawing */
export function loadView(isLive: boolean, state: () => LiveState): LoadView {
  return isLive ? new LiveView(state) : lines;
}

const lines: LoadView = {
  onSecond: (second) => process.stderr.write(`${secondText(second)}\n`),
  onMark: ({ atMs, text }) => process.stderr.write(`${(atMs / 1000).toFixed(1).padStart(7)} s  ${text}\n`),
  end: () => {},
};

class LiveView implements LoadView {
  readonly #state: () => LiveState;
  readonly #timer: NodeJS.Timeout;
  #drawn = 0;

  constructor(state: () => LiveState) {
    this.#state = state;
    this.#timer = setInterval(() => this.#draw(), DRAW_MS);
  }

  onSecond(): void {}
  onMark(): void {}

  /** The report takes its place. */
  end(): void {
    clearInterval(this.#timer);
    process.stderr.write(`${UP(this.#drawn)}${CLEAR_BELOW}`);
  }

  #draw(): void {
    const { columns = 80, rows = 24 } = process.stderr;
    // A line more than there is room for would scroll, and could not be drawn over.
    const text = liveText(this.#state(), columns - 1).slice(0, rows - 1);
    process.stderr.write(`${UP(this.#drawn)}${CLEAR_BELOW}${text.map((line) => `${line}\n`).join('')}`);
    this.#drawn = text.length;
  }
}
