import { once } from 'node:events';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { parse, stringify } from 'yaml';
import type { RouterUnderTest } from '../support/cluster.ts';

/** Changes a router's config; the file is put in its place as editors do. */
export function rewrite(router: RouterUnderTest, change: (config: Record<string, unknown>) => object): void {
  const config = parse(readFileSync(router.config, 'utf8')) as Record<string, unknown>;
  writeFileSync(`${router.config}.new`, stringify({ ...config, ...change(config) }));
  renameSync(`${router.config}.new`, router.config);
}

export interface ReloadAnswer {
  readonly result: string;
  readonly applied: string[];
  readonly needsRestart: string[];
  readonly fault: string | null;
}

/** Has the config read again by the admin address. */
export async function reload(router: RouterUnderTest, headers: Record<string, string> = {}): Promise<ReloadAnswer> {
  const asked = httpRequest(`${router.admin}/reload`, { method: 'POST', headers });
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  let text = '';
  for await (const part of response) text += String(part);
  return JSON.parse(text) as ReloadAnswer;
}
