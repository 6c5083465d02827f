/** `keyway load` where it needs more than this project: its page in a browser, and Envoy, of which it tells a split brain. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { LoadReport } from '../../src/load/index.ts';
import { INSTALL_ENVOY } from '../chaos/envoy-world.ts';
import { runStory } from '../load/stories.ts';
import { Scope, TOOLS } from '../support/processes.ts';

const ENVOY = join(TOOLS, 'envoy/bin/envoy');
const CHROMIUM = '/usr/bin/chromium';

const scope = new Scope();
afterEach(() => scope.release());

it('finds the split brain of a ring hash in Envoy that a host joins', async () => {
  if (!existsSync(ENVOY)) throw new Error(INSTALL_ENVOY);
  const { code, report, output } = await runStory(scope, 'join-envoy', { ENVOY, WATCHES: 100, SECONDS_AFTER: 8 });
  expect(code, output).toBe(1);
  expect(report.errors).toBe(0);
  // No watch was ended, though a part of the keys has gone to the new host.
  expect(report.watches).toMatchObject({ open: 100, reattached: 0 });
  expect(report.check?.keysMoved).toBeGreaterThan(0);
  const violations = new Map(report.check?.rules.map(({ rule, affected }) => [rule, affected]));
  expect(violations.get('one shard at a time')).toBeGreaterThan(0);
  expect(violations.get('watches miss nothing')).toBeGreaterThan(0);
});

describe('the page of a report', () => {
  let browser: Browser;
  let report: LoadReport;
  let page: string;
  const storyScope = new Scope();

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
    const story = await runStory(storyScope, 'join');
    report = story.report;
    page = `file://${join(story.out, 'join.html')}`;
  }, 120_000);
  afterAll(async () => {
    await browser.close();
    await storyScope.release();
  });

  /** Opens it, and has whatever goes wrong in it go wrong here. */
  async function opened(colorScheme: 'light' | 'dark', width = 1200): Promise<{ tab: Page; faults: string[] }> {
    const tab = await browser.newPage({ colorScheme, viewport: { width, height: 900 } });
    const faults: string[] = [];
    tab.on('pageerror', ({ message }) => faults.push(message));
    tab.on('console', (message) => faults.push(message.text()));
    tab.on('request', (request) => {
      if (request.url() !== page) faults.push(`it fetches ${request.url()}`);
    });
    await tab.goto(page);
    return { tab, faults };
  }

  const figures = (tab: Page): Promise<Record<string, string>> =>
    tab.$$eval('[data-figure]', (all) =>
      Object.fromEntries(all.map((each) => [each.getAttribute('data-figure'), each.textContent])),
    );
  /** A cell's number, without the commas of thousands. */
  const number = (text: string | undefined): number => Number(text?.replaceAll(/,| ms| s$/g, ''));

  it('has the numbers of the JSON', async () => {
    const { tab, faults } = await opened('light');
    const shown = await figures(tab);
    expect(number(shown.requests)).toBe(report.requests);
    expect(number(shown.errors)).toBe(report.errors);
    expect(number(shown['a second'])).toBe(Math.round(report.perSecond));
    for (const [name, value] of [
      ['p50', report.latencyMs.p50],
      ['p99', report.latencyMs.p99],
      ['p99.9', report.latencyMs.p999],
      ['max', report.latencyMs.max],
    ] as const)
      expect(Math.abs(number(shown[name]) - value)).toBeLessThanOrEqual(value < 10 ? 0.005 : 0.05);
    expect(number(shown.violations)).toBe(report.check?.violations);
    expect(number(shown['watches at most'])).toBe(report.watches?.mostOpen);
    expect(number(shown['watches back'])).toBe(report.watches?.reattached);
    const rows = (title: string): Promise<string[][]> =>
      tab.$$eval(
        'h2',
        (all, wanted) =>
          [
            ...(all.find((each) => each.textContent === wanted)?.nextElementSibling?.querySelectorAll('tbody tr') ??
              []),
          ].map((row) => [...row.children].map((cell) => cell.textContent ?? '')),
        title,
      );
    expect((await rows('Shards')).map(([shard, answers]) => [shard, number(answers)])).toEqual(
      Object.entries(report.shards),
    );
    expect((await rows('Answers')).map(([status, requests]) => [status, number(requests)])).toEqual(
      Object.entries(report.statuses),
    );
    expect((await rows('Marks')).map(([, , what]) => what)).toEqual(report.marks.map(({ text }) => text));
    const legend = await tab.$$eval('[data-plot^="Latency"] .u-value', (all) => all.map((each) => each.textContent));
    expect(legend).toEqual(['all', shown.p50, shown.p99, shown['p99.9'], shown.max]);
    const { version, machine } = report.origin as { version: string; machine: string };
    expect(await tab.textContent('main')).toContain(
      `UTC, by Keyway ${version} on Node ${process.versions.node}, ${machine}`,
    );
    // What the plots draw stands in the page as it stands in the JSON.
    expect(await tab.$eval('#report', (each) => JSON.parse(each.textContent ?? ''))).toEqual(report);
    expect(faults).toEqual([]);
  });

  it('draws its plots, light and dark, wide and narrow', async () => {
    for (const [scheme, width] of [
      ['light', 1200],
      ['dark', 1200],
      ['light', 400],
    ] as const) {
      const { tab, faults } = await opened(scheme, width);
      const plots = await tab.$$eval('[data-plot]', (all) => all.map((each) => each.getAttribute('data-plot')));
      expect(plots).toEqual([
        'Latency over time, from when a request was meant to be sent',
        'Requests over time',
        'Requests by shard',
        'Open watches',
        'Share of requests that took no longer',
      ]);
      // Of each canvas, how many colours it has, and how light its paper is.
      const drawn = await tab.$$eval('[data-plot] canvas', (all) =>
        all.map((each) => {
          const canvas = each as unknown as {
            width: number;
            height: number;
            getContext(kind: '2d'): { getImageData(x: number, y: number, w: number, h: number): { data: Uint8Array } };
          };
          const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          const colors = new Set<number>();
          for (let i = 0; i < data.length; i += 4)
            if ((data[i + 3] as number) > 200)
              colors.add(((data[i] as number) << 16) | ((data[i + 1] as number) << 8) | (data[i + 2] as number));
          return colors.size;
        }),
      );
      expect(drawn.length).toBe(plots.length);
      for (const colors of drawn) expect(colors).toBeGreaterThan(3);
      const paper = await tab.$eval('body', () => {
        const { getComputedStyle, document } = globalThis as unknown as {
          getComputedStyle(of: unknown): { backgroundColor: string; color: string };
          document: { body: { scrollWidth: number; clientWidth: number } };
        };
        const { backgroundColor, color } = getComputedStyle(document.body);
        return { backgroundColor, color, isWider: document.body.scrollWidth > document.body.clientWidth };
      });
      const light = (text: string): number => Number(/\d+/.exec(text)?.[0]);
      expect(light(paper.backgroundColor) > light(paper.color)).toBe(scheme === 'light');
      expect(paper.isWider).toBe(false);
      expect(faults).toEqual([]);
      await tab.close();
    }
  });
});
