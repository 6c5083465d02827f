import { type LiveState, liveText, type Mark, type Second, secondText } from '../../../load/index.ts';
import { printableLine } from '../../../runtime/printable.ts';
import { redraw, writeErr } from '../../output/terminal.ts';

/** How often the terminal is redrawn. */
const DRAW_MS = 500;

/** Where a person looks on: a picture on a terminal, or a line a second. */
export interface LoadView {
  onSecond(second: Second): void;
  onMark(mark: Mark): void;
  end(): void;
}

/** @param state what to show, asked for at each drawing */
export function loadView(isLive: boolean, state: () => LiveState): LoadView {
  return isLive ? new LiveView(state) : lines;
}

const lines: LoadView = {
  onSecond: (second) => writeErr(`${secondText(second)}\n`),
  onMark: ({ atMs, text }) => writeErr(`${(atMs / 1000).toFixed(1).padStart(7)} s  ${printableLine(text)}\n`),
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
    redraw(this.#drawn, []);
  }

  #draw(): void {
    const { columns = 80, rows = 24 } = process.stderr;
    // A line more than there is room for would scroll, and could not be drawn over.
    const lines = liveText(this.#state(), columns - 1).slice(0, rows - 1);
    // What is shown of a control character takes more room than it.
    const text = lines.map((line) => printableLine(line).slice(0, columns - 1));
    redraw(this.#drawn, text);
    this.#drawn = text.length;
  }
}
