import { arch, cpus, release, totalmem, type } from 'node:os';
import type { Origin } from '../../../load/index.ts';
import { VERSION } from '../../../runtime/version.ts';

const GIGABYTE = 2 ** 30;

/** When a run begins, and what it runs on. */
export function runOrigin(): Origin {
  const processors = cpus();
  const model = processors[0]?.model.trim() ?? 'processor';
  const memory = `${(totalmem() / GIGABYTE).toFixed(1)} GB`;
  return {
    startedAt: new Date().toISOString(),
    version: VERSION,
    node: process.versions.node,
    machine: `${processors.length} x ${model}, ${memory}, ${type()} ${release()} ${arch()}`,
  };
}
