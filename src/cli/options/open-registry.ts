import type { Registry, RegistryDescription } from '../../registry/index.ts';
import { openRegistry } from '../../registry/store/index.ts';
import { machine } from '../../runtime/machine-clock.ts';
import { printableLine } from '../../runtime/printable.ts';
import { writeFault } from '../output/terminal.ts';

/** Opens a registry for as long as something is done with it. */
export async function withRegistry<Result>(
  description: RegistryDescription,
  action: (registry: Registry) => Promise<Result>,
): Promise<Result> {
  const registry = openRegistry(description, machine);
  registry.unreadable.onFound = ({ key, reason }) =>
    writeFault(`the registry's entry ${printableLine(key)} cannot be read: ${printableLine(reason)}`);
  try {
    return await action(registry);
  } finally {
    await registry.close();
  }
}
