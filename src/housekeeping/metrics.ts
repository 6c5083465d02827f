import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { RunRecord } from './entries.ts';
import type { HousekeepingListener } from './housekeeper.ts';
import type { Task } from './task.ts';

const RUN_SECONDS = [0.001, 0.005, 0.025, 0.1, 0.5, 2, 10, 60, 300];
const LAG_SECONDS = [0.1, 0.5, 1, 5, 15, 30, 60, 300, 1800];

/** What a node's housekeeping does, for monitors. */
export class HousekeepingMetrics implements HousekeepingListener {
  readonly #registry = new Registry();
  readonly #runs = this.#counter('keyway_housekeeping_runs_total', 'Runs of tasks.', ['task', 'outcome']);
  readonly #candidates = this.#counter('keyway_housekeeping_candidates_total', 'Candidates that runs handled.', [
    'task',
  ]);
  readonly #changed = this.#counter('keyway_housekeeping_changes_total', 'Changes that runs made.', ['task']);
  readonly #stale = this.#counter(
    'keyway_housekeeping_stale_tokens_total',
    'Runs whose writes were refused because another node had claimed the unit.',
    ['task'],
  );
  readonly #seconds = this.#histogram('keyway_housekeeping_run_seconds', 'How long runs took.', RUN_SECONDS);
  readonly #lag = this.#histogram(
    'keyway_housekeeping_lag_seconds',
    'How long after its time a run began.',
    LAG_SECONDS,
  );
  readonly #units = this.#gauge('keyway_housekeeping_units', 'Units that this node has claimed.', []);
  readonly #leads = this.#gauge('keyway_housekeeping_leader', 'Whether this node is the leader.', ['election']);

  #counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #gauge(name: string, help: string, labelNames: string[]): Gauge {
    return new Gauge({ name, help, labelNames, registers: [this.#registry] });
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name, help, labelNames: ['task'], buckets, registers: [this.#registry] });
  }

  onTerm(election: string, leads: boolean): void {
    this.#leads.set({ election }, Number(leads));
  }

  onUnits(count: number): void {
    this.#units.set(count);
  }

  onRun({ name: task }: Task, _unit: string, record: RunRecord, lagMs: number): void {
    this.#runs.inc({ task, outcome: record.outcome });
    this.#candidates.inc({ task }, record.candidates);
    this.#changed.inc({ task }, record.changed);
    this.#seconds.observe({ task }, record.tookMs / 1000);
    this.#lag.observe({ task }, lagMs / 1000);
    if (record.outcome === 'stale') this.#stale.inc({ task });
  }

  onFault(): void {}

  /** The text that Prometheus reads. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
