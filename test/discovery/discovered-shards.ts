import { expect, vi } from 'vitest';
import type { Registry } from '../../src/registry/index.ts';
import type { Scope } from '../support/processes.ts';
import { PATIENCE, registryOn, served } from '../support/registries.ts';

/** The cluster whose shards are found. */
export const DISCOVERED = { namespace: 'default', cluster: 'docs' };

/** A registry, and how a command is told of it. */
export async function startRegistry(scope: Scope): Promise<{ registry: Registry; where: string[] }> {
  const store = await served(scope);
  return { registry: registryOn(store.open(), scope), where: ['--registry', store.address] };
}

/** The shards of the current topology, as `id@address*weight`. */
export async function shardsOf({ topologies }: Registry): Promise<string> {
  const topology = await topologies.read(DISCOVERED);
  return (topology?.shards ?? []).map(({ id, address, weight }) => `${id}@${address}*${weight}`).join(' ');
}

/** Resolves once these are the shards; see `shardsOf`. */
export function becomes(registry: Registry, wanted: string): Promise<void> {
  return vi.waitFor(async () => expect(await shardsOf(registry)).toBe(wanted), PATIENCE);
}
