import type { Registry, RegistryDescription } from '../../registry/index.ts';
import { isMadeByOpening, openRegistry } from '../../registry/store/index.ts';
import { machine } from '../../runtime/machine-clock.ts';
import { printableLine } from '../../runtime/printable.ts';
import { UsageError } from '../../runtime/usage-error.ts';
import { writeFault } from '../output/terminal.ts';

/**
 * Sees that there is a registry: a command that only reads would make an empty file of a mistyped name.
 * @param namedBy an option, a variable, a file or a field
 * @throws UsageError where there is none
 */
export function checkExists(description: RegistryDescription, namedBy: string): void {
  if (!('sqlite' in description) || !isMadeByOpening(description)) return;
  const { path } = description.sqlite;
  throw new UsageError(
    `${namedBy}: there is no registry at ${path}; keyway cluster create and keyway topology apply make one`,
  );
}

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
