import { type Progress, type Run, StaleRun, unitText } from '../../housekeeping/index.ts';

/** A backend that has its housekeeping called. */
export interface HousekeepingBackend {
  /** @throws Error where it does not answer */
  projects(signal: AbortSignal): Promise<string[]>;
  /** @throws StaleRun Error */
  run(task: string, run: Run): Promise<Progress>;
  close(): void;
}

export const LIST_TIMEOUT_MS = 10_000;

/** One page of a backend's projects. */
export interface ProjectsPage {
  readonly projects: readonly string[];
  /** Empty on the last one. */
  readonly nextPageToken: string;
}

/** All projects, page by page. */
export async function allProjects(page: (token: string) => Promise<ProjectsPage>): Promise<string[]> {
  const all: string[] = [];
  for (let token = ''; ; ) {
    const { projects, nextPageToken } = await page(token);
    all.push(...projects);
    if (nextPageToken === '') return all;
    token = nextPageToken;
  }
}

/** What is asked of a backend. */
export interface RunRequest {
  readonly task: string;
  readonly project: string;
  readonly shard: string;
  readonly token: number;
  readonly deadlineMs: number;
  readonly cursor: string;
  readonly candidates: number;
}

/** What it answers, perhaps several times. */
export interface RunProgress {
  readonly cursor: string;
  readonly done: boolean;
  readonly candidates: number;
  readonly changed: number;
}

export function requestOf(task: string, { unit, token, deadlineMs, cursor, candidates }: Run): RunRequest {
  return {
    task,
    project: unit.kind === 'project' ? unit.project : '',
    shard: unit.kind === 'shard' ? unit.shard : '',
    token,
    deadlineMs: Math.floor(deadlineMs),
    cursor: cursor ?? '',
    candidates,
  };
}

export function progressOf({ cursor, done, candidates, changed }: RunProgress): Progress {
  return { cursor: done ? null : cursor, candidates, changed };
}

/** Nothing was reported yet. */
export function noProgress({ cursor }: Run): Progress {
  return { cursor: cursor ?? '', candidates: 0, changed: 0 };
}

export function staleRun({ unit, token }: Run): StaleRun {
  return new StaleRun(unitText(unit), token);
}
