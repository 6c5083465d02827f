import { request } from 'undici';
import { z } from 'zod';
import type { Progress, Run } from '../../housekeeping/index.ts';
import { shownText } from '../../runtime/shown-text.ts';
import { limitedBody } from '../limited-body.ts';
import {
  allProjects,
  type HousekeepingBackend,
  LIST_TIMEOUT_MS,
  noProgress,
  progressOf,
  requestOf,
  staleRun,
} from './backend.ts';

/** A line of progress is short: what is longer is not one. */
const LONGEST_LINE = 64 * 1024;
const LARGEST_LIST = 64 * 1024 * 1024;
/** The store refused the token. */
const CONFLICT = 409;

const page = z.object({ projects: z.array(z.string()), nextPageToken: z.string().default('') });
const progressLine = z.object({
  cursor: z.string().default(''),
  done: z.boolean().default(false),
  candidates: z.int().min(0).default(0),
  changed: z.int().min(0).default(0),
});

/** A backend that is called by HTTP: `GET <url>/projects`, and `POST <url>/run`, which answers a line of JSON for each step of progress. */
export class HttpBackend implements HousekeepingBackend {
  readonly #url: string;
  readonly #token: string | null;
  readonly #headers: Readonly<Record<string, string>>;

  /** @param token shown as a bearer's; null: none */
  constructor(url: string, token: string | null) {
    this.#url = url.replace(/\/+$/, '');
    this.#token = token;
    this.#headers = token === null ? {} : { authorization: `Bearer ${token}` };
  }

  projects(signal: AbortSignal): Promise<string[]> {
    return allProjects(async (token) => {
      const query = token === '' ? '' : `?pageToken=${encodeURIComponent(token)}`;
      const { statusCode, body } = await request(`${this.#url}/projects${query}`, {
        headers: this.#headers,
        signal: AbortSignal.any([signal, AbortSignal.timeout(LIST_TIMEOUT_MS)]),
      });
      const text = await limitedBody(body, LARGEST_LIST);
      if (statusCode !== 200)
        throw new Error(`GET ${this.#url}/projects answers ${statusCode}: ${shownText(text, this.#token)}`);
      return this.#parsed(text, page, `GET ${this.#url}/projects`);
    });
  }

  async run(task: string, run: Run): Promise<Progress> {
    let progress = noProgress(run);
    const what = `POST ${this.#url}/run`;
    try {
      const { statusCode, body } = await request(`${this.#url}/run`, {
        method: 'POST',
        headers: { ...this.#headers, 'content-type': 'application/json' },
        body: JSON.stringify(requestOf(task, run)),
        signal: run.signal,
        // The run's own limit ends it.
        headersTimeout: 0,
        bodyTimeout: 0,
      });
      if (statusCode === CONFLICT) {
        await body.dump();
        throw staleRun(run);
      }
      if (statusCode !== 200)
        throw new Error(
          `${what} answers ${statusCode}: ${shownText(await limitedBody(body, LONGEST_LINE), this.#token)}`,
        );
      for await (const line of lines(body)) {
        progress = progressOf(this.#parsed(line, progressLine, what));
        run.onProgress(progress);
      }
      return progress;
    } catch (error) {
      if (run.signal.aborted) return progress;
      throw error;
    }
  }

  /** @throws Error that names the backend's request (`what`) */
  #parsed<Value>(text: string, schema: z.ZodType<Value>, what: string): Value {
    try {
      return schema.parse(JSON.parse(text));
    } catch (error) {
      throw new Error(`${what} gives an answer that is not understood: ${shownText(text, this.#token)}`, {
        cause: error,
      });
    }
  }

  close(): void {}
}

/** The lines that are not empty. */
async function* lines(body: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest = Buffer.alloc(0);
  for await (const chunk of body) {
    rest = Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const line = rest.subarray(0, end).toString('utf8').trim();
      rest = rest.subarray(end + 1);
      if (line !== '') yield line;
    }
    if (rest.length > LONGEST_LINE) throw new Error(`a line of more than ${LONGEST_LINE} bytes`);
  }
  const line = rest.toString('utf8').trim();
  if (line !== '') yield line;
}
