import { Counter, Gauge, Registry } from 'prom-client';
import { LATENCY_BUCKETS, LATENCY_UNIT_US, type TrafficSnapshot } from '../proxy/index.ts';

type Labels = Readonly<Record<string, string>>;
export type Samples = ReadonlyArray<readonly [labels: Labels, value: number]>;

export interface Labelled<Counters> {
  readonly labels: Labels;
  readonly traffic: Counters;
}

/** How many series are written in one go; then requests have their turn, where the router shares this thread. */
const SERIES_AT_ONCE = 1000;

/** Metrics' text under way: each metric by prom-client in a registry of its own, so that there are pauses between them. */
export class MetricsText {
  whole = '';

  async counter(name: string, help: string, samples: Samples): Promise<void> {
    await this.#add(Counter, name, help, samples);
  }

  async gauge(name: string, help: string, samples: Samples): Promise<void> {
    await this.#add(Gauge, name, help, samples);
  }

  async #add(kind: typeof Counter | typeof Gauge, name: string, help: string, samples: Samples): Promise<void> {
    const labelNames = Object.keys(samples[0]?.[0] ?? {});
    for (let at = 0; at === 0 || at < samples.length; at += SERIES_AT_ONCE) {
      const registry = new Registry();
      const metric = new kind({ name, help, labelNames, registers: [registry] });
      for (const [labels, value] of samples.slice(at, at + SERIES_AT_ONCE)) metric.inc(labels, value);
      const text = await registry.metrics();
      // The metric is announced once.
      this.whole += at === 0 ? text : text.replaceAll(/^#.*\n/gm, '').trimStart();
      await nextTurn();
    }
  }

  /** prom-client's histogram observes one value at a time; ours is counted already, and so is written out here. */
  async histogram(name: string, help: string, all: ReadonlyArray<Labelled<TrafficSnapshot>>): Promise<void> {
    this.whole += `# HELP ${name} ${help}\n# TYPE ${name} histogram\n`;
    const atOnce = Math.ceil(SERIES_AT_ONCE / LATENCY_BUCKETS);
    for (let at = 0; at < all.length; at += atOnce) {
      this.whole += all
        .slice(at, at + atOnce)
        .map((each) => histogramText(name, each))
        .join('');
      await nextTurn();
    }
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function histogramText(name: string, { labels, traffic }: Labelled<TrafficSnapshot>): string {
  const text = Object.entries(labels)
    .map(([label, value]) => `${label}="${value.replaceAll(/[\\"\n]/g, (char) => ESCAPES[char] ?? char)}"`)
    .join(',');
  const lines: string[] = [];
  let total = 0;
  traffic.latency.forEach((count, bucket) => {
    total += count;
    const bound = (2 ** bucket * LATENCY_UNIT_US) / 1e6;
    if (bucket < traffic.latency.length - 1) lines.push(`${name}_bucket{${text},le="${bound}"} ${total}`);
  });
  lines.push(`${name}_bucket{${text},le="+Inf"} ${total}`);
  lines.push(`${name}_sum{${text}} ${(traffic.latencySum * LATENCY_UNIT_US) / 1e6}`, `${name}_count{${text}} ${total}`);
  return `${lines.join('\n')}\n`;
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n' };
