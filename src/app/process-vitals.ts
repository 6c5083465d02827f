import { readdirSync } from 'node:fs';
import type { ProcessVitals } from '../admin/index.ts';
import { VERSION } from '../runtime/version.ts';
import { openFileLimit } from './open-files.ts';

const MICROSECONDS = 1e6;

/** Reports on this process whenever it is called; the limits stay as they were at its beginning. */
export function processVitals(): (threads: ProcessVitals['threads']) => ProcessVitals {
  const maxOpenFiles = openFileLimit();
  const startedSeconds = Date.now() / 1000 - process.uptime();
  return (threads) => {
    const { user, system } = process.cpuUsage();
    return {
      version: VERSION,
      node: process.versions.node,
      startedSeconds,
      cpuUserSeconds: user / MICROSECONDS,
      cpuSystemSeconds: system / MICROSECONDS,
      residentBytes: process.memoryUsage.rss(),
      openFiles: openFiles(),
      maxOpenFiles,
      threads,
    };
  };
}

/** Linux lists them; the folder that is open to read them is one. */
function openFiles(): number | null {
  try {
    return readdirSync('/proc/self/fd').length - 1;
  } catch {
    return null;
  }
}
