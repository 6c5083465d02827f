import { Command } from 'commander';
import { type Member, type MemberKind, nodeValue, type Registry, routerValue } from '../../registry/index.ts';
import { openRegistry } from '../../registry/store/index.ts';
import { addressText } from '../../runtime/address.ts';
import { machine } from '../../runtime/machine-clock.ts';
import { printableLine } from '../../runtime/printable.ts';
import { existingRegistry, type RegistryFlag, withRegistryOption } from '../options/registry-option.ts';
import { writeOut } from '../output/terminal.ts';
import { stopOnSignals } from '../signals.ts';

/** `keyway watch`: a line for everything that changes in the registry. */
export function watchCommand(): Command {
  return withRegistryOption(
    new Command('watch')
      .description('print every change of topologies, routers and nodes')
      .option('--json', 'print one JSON object per line')
      .addHelpText('after', '\nExample:\n  keyway watch --json'),
  ).action(async (flags: RegistryFlag & { json?: true }) => {
    const registry = openRegistry(existingRegistry(flags), machine);
    const stopping = new AbortController();
    stopOnSignals(async () => {
      stopping.abort();
      await registry.close();
    });
    const report = (kind: string, name: string, what: string): void => {
      const line =
        flags.json === true
          ? JSON.stringify({ kind, name, what })
          : `${kind.padEnd(8)}  ${printableLine(name)}  ${printableLine(what)}`;
      writeOut(`${line}\n`);
    };
    registry.onOutage((reason) => report('registry', '', reason ?? 'can be reached again'));
    await Promise.all([
      watchTopologies(registry, report, stopping.signal),
      watchMembers(registry, 'router', flags.json === true, report, stopping.signal),
      watchMembers(registry, 'node', flags.json === true, report, stopping.signal),
    ]);
  });
}

type Report = (kind: string, name: string, what: string) => void;

async function watchTopologies({ topologies }: Registry, report: Report, signal: AbortSignal): Promise<void> {
  for await (const { namespace, cluster, version } of topologies.watchAll(signal))
    report('cluster', `${namespace}/${cluster}`, version === null ? 'is gone' : `is at version ${version}`);
}

async function watchMembers(
  { members }: Registry,
  kind: MemberKind,
  json: boolean,
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  let before = new Map<string, string>();
  for await (const now of members.watch(kind, '', signal)) {
    if (now === null) continue;
    before = reportChanges(kind, json, before, now, report);
  }
}

function reportChanges(
  kind: MemberKind,
  json: boolean,
  before: Map<string, string>,
  now: readonly Member[],
  report: Report,
): Map<string, string> {
  const after = new Map(now.map(({ name, value }) => [name, json ? JSON.stringify(value) : valueText(kind, value)]));
  for (const [name, value] of after) if (before.get(name) !== value) report(kind, name, value);
  for (const name of before.keys()) if (!after.has(name)) report(kind, name, 'is gone');
  return after;
}

/** What people want to know of a member: steps of handoffs that it acknowledges are none of it. */
export function valueText(kind: MemberKind, value: Member['value']): string {
  if (kind === 'node') {
    const { address, healthy, leaving, role } = nodeValue(value);
    return `at ${address} is ${leaving ? 'leaving' : healthy ? 'healthy' : 'unhealthy'}${role === 'replica' ? ', a replica' : ''}`;
  }
  const { versions, listen } = routerValue(value);
  const served = Object.entries(versions).map(([cluster, version]) => `${cluster}@${version}`);
  const at = listen.length === 0 ? '' : `at ${listen.map(addressText).join(', ')} `;
  return `${at}serves ${served.join(', ') || 'nothing'}`;
}
