import { Registry, type RegistryDescription, type Store } from '../registry/index.ts';
import { openStore } from '../registry/store/index.ts';
import { machineClock } from '../runtime/machine-clock.ts';

/** Opens a registry with this process' clocks. */
export function openRegistry(description: RegistryDescription): Registry {
  return registryOn(openStore(description, machineClock, Date.now));
}

/** The registry that a store holds, with this process' clocks. */
export function registryOn(store: Store): Registry {
  return new Registry(store, { clock: machineClock, timeOfDay: () => new Date().toISOString() });
}
