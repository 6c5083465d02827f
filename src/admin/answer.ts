/** What a request to the admin address is answered with. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json; charset=utf-8';
const METRICS = 'text/plain; version=0.0.4; charset=utf-8';

/** A line for people. */
export function text(status: number, line: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, type: TEXT, text: `${line}\n`, headers };
}

export function json(value: unknown, status = 200): Answer {
  return { status, type: JSON_TYPE, text: `${JSON.stringify(value, null, 2)}\n` };
}

/** Prometheus' text form. */
export function metrics(all: string): Answer {
  return { status: 200, type: METRICS, text: all };
}
