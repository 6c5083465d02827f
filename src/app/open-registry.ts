import { Registry, type RegistryDescription, type Store } from '../registry/index.ts';
import { openStore } from '../registry/store/index.ts';
import { machineClock } from '../runtime/machine-clock.ts';

/** Opens a registry in this process' surroundings. */
export function openRegistry(description: RegistryDescription): Registry {
  return registryOn(openStore(description, { clock: machineClock, timeOfDayMs: Date.now, random: Math.random }));
}

/** The registry that a store holds, in this process' surroundings. */
export function registryOn(store: Store): Registry {
  return new Registry(store, { clock: machineClock, timeOfDay: () => new Date().toISOString(), random: Math.random });
}
