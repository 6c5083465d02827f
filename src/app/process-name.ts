import { hostname } from 'node:os';
import type { MemberProcess } from '../registry/index.ts';

/** Where this process runs. */
export function thisProcess(): MemberProcess {
  return { host: hostname(), pid: process.pid };
}

/** How this process is called in the registry, where it routes, drives or leads: for people to find it. */
export function processName(): string {
  const { host, pid } = thisProcess();
  return `${host}-${pid}`;
}
