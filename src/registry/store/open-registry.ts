import { Registry, type RegistrySurroundings } from '../registry.ts';
import { openStore, type RegistryDescription, type StoreSurroundings } from './open-store.ts';

/**
 * Opens the registry that a config describes.
 * @throws StoreSetUpError where it cannot be used as it is described
 */
export function openRegistry(
  description: RegistryDescription,
  surroundings: StoreSurroundings & RegistrySurroundings,
): Registry {
  return new Registry(openStore(description, surroundings), surroundings);
}
