import { openStore, Registry, type RegistryDescription } from '../registry/index.ts';

/** Opens a registry with this process' clocks. */
export function openRegistry(description: RegistryDescription): Registry {
  const clock = (): number => performance.now();
  return new Registry(openStore(description, clock, Date.now), { clock, timeOfDay: () => new Date().toISOString() });
}

/** Opens a registry for as long as something is done with it. */
export async function withRegistry<Result>(
  description: RegistryDescription,
  action: (registry: Registry) => Promise<Result>,
): Promise<Result> {
  const registry = openRegistry(description);
  try {
    return await action(registry);
  } finally {
    await registry.close();
  }
}
