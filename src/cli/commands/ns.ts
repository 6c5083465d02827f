import { Command } from 'commander';
import { confirm } from '../options/confirm.ts';
import { nameOption } from '../options/options.ts';
import { inRegistry, inRegistryOrNew, type RegistryFlag, withRegistryOption } from '../options/registry-option.ts';
import { listing } from '../output/table.ts';
import { writeOut, writeTables } from '../output/terminal.ts';

/** `keyway ns`: namespaces, each of which has clusters of its own. */
export function nsCommand(): Command {
  const command = new Command('ns')
    .description('create, list and delete namespaces')
    .addHelpText('after', '\nExample:\n  keyway ns create team-a\n  keyway ns list');
  withRegistryOption(
    command
      .command('create')
      .description('create a namespace')
      .addHelpText('after', '\nExample:\n  keyway ns create team-a')
      .argument('<name>', '', nameOption),
  ).action((name: string, flags: RegistryFlag) =>
    inRegistryOrNew(flags, async ({ namespaces }) => {
      await namespaces.create(name);
      writeOut(`${name} exists\n`);
    }),
  );
  withRegistryOption(
    command
      .command('list')
      .description('list the namespaces')
      .addHelpText('after', '\nExample:\n  keyway ns list --json')
      .option('--json', 'one object a line'),
  ).action((flags: RegistryFlag & { json?: true }) =>
    inRegistry(flags, async ({ namespaces, topologies }) => {
      const clusters = await topologies.list(null);
      const rows = (await namespaces.list()).map((namespace) => ({
        namespace,
        clusters: clusters.filter((each) => each.namespace === namespace).length,
      }));
      const columns = { namespace: (row: Row) => row.namespace, clusters: (row: Row) => row.clusters };
      writeTables(listing(rows, columns, flags.json === true), flags.json === true);
    }),
  );
  withRegistryOption(
    command
      .command('delete')
      .description('delete a namespace that has no cluster')
      .addHelpText('after', '\nExample:\n  keyway ns delete team-a --yes')
      .argument('<name>', '', nameOption)
      .option('--yes', 'without asking'),
  ).action(async (name: string, flags: RegistryFlag & { yes?: true }) => {
    await confirm(`delete the namespace ${name}`, flags.yes);
    await inRegistry(flags, ({ namespaces }) => namespaces.delete(name));
    writeOut(`${name} is deleted\n`);
  });
  return command;
}

interface Row {
  readonly namespace: string;
  readonly clusters: number;
}
