import { hostname } from 'node:os';

/** How this process is called in the registry, where it routes, drives or leads: for people to find it. */
export function processName(): string {
  return `${hostname()}-${process.pid}`;
}
