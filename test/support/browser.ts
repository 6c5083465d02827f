import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { type Browser, chromium } from 'playwright-core';
import { build } from 'vite';
import type { Scope } from './processes.ts';

const CHROMIUM = '/usr/bin/chromium';

/** Chromium, closed at the scope's end. @throws Error where it is not installed */
export async function startBrowser(scope: Scope): Promise<Browser> {
  if (!existsSync(CHROMIUM)) throw new Error(`${CHROMIUM} is missing; apt-get install chromium`);
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  scope.defer(() => browser.close());
  return browser;
}

/** Serves an empty page that runs a module. @param entry the module's file @returns its address */
export async function servePage(scope: Scope, entry: string): Promise<string> {
  const bundle = (await build({
    configFile: false,
    logLevel: 'error',
    build: { write: false, minify: false, lib: { entry, formats: ['iife'], name: 'page' } },
  })) as Array<{ output: Array<{ code: string }> }>;
  const script = bundle[0]?.output[0]?.code ?? '';
  const server = createServer((request, response) => {
    const isScript = request.url === '/page.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? script : '<!doctype html><title>test</title><script src="/page.js"></script>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  scope.defer(() => server.close());
  return `http://127.0.0.1:${(server.address() as { port: number }).port}/`;
}
