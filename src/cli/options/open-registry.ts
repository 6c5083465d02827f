import { Registry, type RegistryDescription, type Store } from '../../registry/index.ts';
import { openStore } from '../../registry/store/index.ts';
import { machineClock } from '../../runtime/machine-clock.ts';
import { printableLine } from '../../runtime/printable.ts';
import { writeFault } from '../output/terminal.ts';

/** Opens a registry with this process' clocks. */
export function openRegistry(description: RegistryDescription): Registry {
  return registryOn(openStore(description, machineClock, Date.now));
}

/** The registry that a store holds, with this process' clocks. */
export function registryOn(store: Store): Registry {
  return new Registry(store, { clock: machineClock, timeOfDay: () => new Date().toISOString() });
}

/** Opens a registry for as long as something is done with it. */
export async function withRegistry<Result>(
  description: RegistryDescription,
  action: (registry: Registry) => Promise<Result>,
): Promise<Result> {
  const registry = openRegistry(description);
  registry.unreadable.onFound = ({ key, reason }) =>
    writeFault(`the registry's entry ${printableLine(key)} cannot be read as it stands: ${printableLine(reason)}`);
  try {
    return await action(registry);
  } finally {
    await registry.close();
  }
}
