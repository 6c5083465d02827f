import { Command, InvalidArgumentError, Option } from 'commander';
import { clientConnectionsIn, openFileLimit } from '../../app/open-files.ts';
import { thisProcess } from '../../app/process-name.ts';
import { HousekeepingMetrics } from '../../housekeeping/index.ts';
import { openRegistry } from '../../registry/store/index.ts';
import { addressText, type HostPort, isSamePlace, splitAddress } from '../../runtime/address.ts';
import { listenFault } from '../../runtime/foreign-errors.ts';
import { type Log, newLog } from '../../runtime/log.ts';
import { machine } from '../../runtime/machine-clock.ts';
import { UsageError } from '../../runtime/usage-error.ts';
import { Sidecar, type SidecarOptions } from '../../sidecar/index.ts';
import { derivedNodeId } from '../../topology/index.ts';
import { BackendCommand } from '../beside/backend-command.ts';
import { housekeepingOf, prepareHousekeeping } from '../beside/backend-housekeeping.ts';
import { type BackendFlags, healthOf, withBackendOptions, withNodeOptions } from '../beside/backend-options.ts';
import { type EgressFlags, egressOf, startEgress, withEgressOptions } from '../beside/sidecar-egress.ts';
import { addressOption, durationOrNone, optionWithDefault, reachableTextOption } from '../options/options.ts';
import { chosenRegistry, withRegistryOption } from '../options/registry-option.ts';
import { serveMetrics } from '../output/housekeeping-output.ts';
import { continueUnread, writeOut } from '../output/terminal.ts';

/** How long what is under way may go on after SIGTERM. */
const STOP_GRACE_MS = 5000;
const UNREADABLE = 'an entry of the registry cannot be read; continuing without it';

interface SidecarFlags extends BackendFlags, EgressFlags {
  readonly listen: HostPort;
  readonly address?: string;
  readonly backend: string;
  readonly protocol: 'auto' | 'http1' | 'http2';
  readonly waitForBackend: number;
  readonly keyless: readonly string[];
  readonly watch: readonly string[];
  readonly onKeysLeave?: string;
  readonly tlsCertificate?: string;
  readonly tlsKey?: string;
  readonly tlsClientAuthorities?: string;
}

const several = (text: string, before: readonly string[]): string[] => [...before, pathOption(text)];

function pathOption(text: string): string {
  if (!text.startsWith('/')) throw new InvalidArgumentError('write a path, such as /healthz.');
  return text;
}

function urlOption(text: string): string {
  if (!/^http:$/.test(URL.parse(text)?.protocol ?? ''))
    throw new InvalidArgumentError('write a URL, such as http://127.0.0.1:8080/keys-leave.');
  return text;
}

export function sidecarCommand(): Command {
  const command = new Command('sidecar')
    .description('stand before a backend that knows nothing about Keyway, and take part in handoffs in its place')
    .addHelpText(
      'after',
      '\nExample:\n  keyway sidecar --cluster docs --shard s0 --listen 10.0.0.1:9101 --backend 127.0.0.1:8080 -- ./server --port 8080',
    );
  withNodeOptions(command, (each) =>
    each
      .requiredOption('--listen <address>', 'where it takes the requests of routers, host:port', addressOption)
      .requiredOption('--backend <address>', 'where the backend listens, host:port', reachableTextOption)
      .option(
        '--address <address>',
        'by which the topology has the shard; as --listen by default',
        reachableTextOption,
      ),
  )
    .addOption(
      new Option('--protocol <protocol>', 'what the backend speaks')
        .choices(['auto', 'http2', 'http1'])
        .default('auto'),
    )
    .addOption(
      optionWithDefault(
        '--wait-for-backend <time>',
        'how long requests wait for the backend while it cannot be reached; 0: they fail at once',
        durationOrNone,
        '1s',
      ),
    )
    .option('--keyless <path>', 'a path whose requests have no key, as of health checks; may be repeated', several, [])
    .option('--on-keys-leave <url>', 'told by POST which keys leave, before others may serve them', urlOption)
    .option('--watch <path>', 'a path of calls that stay open, * for anything; may be repeated', several, [])
    .option(
      '--tls-certificate <file>',
      'the certificate that routers are shown, PEM; without it connections are in cleartext',
    )
    .option('--tls-key <file>', 'its key')
    .option(
      '--tls-client-authorities <file>',
      "authorities of routers' certificates: with it a router has to show one",
    );
  return withRegistryOption(withBackendOptions(withEgressOptions(command))).action(
    (args: string[], flags: SidecarFlags) => run(args, flags),
  );
}

async function run(args: readonly string[], flags: SidecarFlags): Promise<void> {
  // What is asked for in a wrong way is refused before the command is started.
  const settings = housekeepingOf(flags);
  const chosen = chosenRegistry(flags);
  const { cluster, shard } = flags;
  const log = newLog('info').child({ cluster, shard });
  const sidecar = new Sidecar(optionsOf(flags, log));
  const egress = egressOf(flags, sidecar, log);
  const port = await sidecar.listen().catch((cause: unknown) => {
    throw new UsageError(listenFault(cause, '--listen'), { cause });
  });
  const metrics = new HousekeepingMetrics();
  const metricsServer = await serveMetrics(flags.metrics, settings === null ? null : metrics, async () => [
    ...sidecar.counters(),
    ...((await egress?.counters()) ?? []),
  ]);
  const egressPort = egress === null ? null : await startEgress(egress);
  continueUnread();
  const backend = new BackendCommand(args);
  const housekeeping =
    settings === null ? null : prepareHousekeeping(settings, flags, openRegistry(chosen, machine), metrics, log);
  void sidecar.start().then(() => {
    const calls =
      egressPort === null ? '' : `; egress on ${addressText({ host: flags.egress?.host ?? '', port: egressPort })}`;
    writeOut(`sidecar of ${shard} serving on ${addressText({ ...flags.listen, port })}${calls}\n`);
    housekeeping?.begin();
  });
  const leave = async (): Promise<void> => {
    await housekeeping?.stop();
    await sidecar.stop(STOP_GRACE_MS);
  };
  await backend.runUntilOver(leave, async () => {
    // Until the backend has ended it may call the owners of other keys.
    await egress?.stop(STOP_GRACE_MS);
    metricsServer?.close();
    log.info('the sidecar has left');
  });
}

function optionsOf(flags: SidecarFlags, log: Log): SidecarOptions {
  const { namespace, cluster, shard, listen, backend, protocol, keyless, watch } = flags;
  if (listen.port === 0 && flags.address === undefined)
    throw new UsageError('--listen: the topology has to name a port; choose one, or give --address');
  const own = [listen, flags.egress].find((at) => at !== undefined && isSamePlace(at, splitAddress(backend)));
  if (own !== undefined)
    throw new UsageError(
      `--backend: ${backend} is where the sidecar itself listens; give the backend a port of its own`,
    );
  const registry = openRegistry(chosenRegistry(flags), machine);
  registry.unreadable.onFound = ({ key, reason }) => log.warn({ key, reason }, UNREADABLE);
  registry.onDenied((reason) => log.error({ reason }, 'the registry refuses this sidecar'));
  return {
    registry,
    name: { namespace, cluster },
    shard,
    nodeId: flags.nodeId ?? derivedNodeId(cluster, shard),
    address: flags.address ?? addressText(listen),
    leaseMs: flags.lease,
    process: thisProcess(),
    listen: { ...listen, tls: tlsOf(flags) },
    backend: { address: backend, protocol, health: healthOf(flags), waitMs: flags.waitForBackend },
    keyless: flags.health === 'http' ? [...keyless, flags.path] : keyless,
    watch,
    maxConnections: clientConnectionsIn(openFileLimit()),
    onKeysLeave: flags.onKeysLeave,
    onHookFault: (fault) => log.error({ fault }, 'the backend did not hear of the keys that leave'),
    onHealth: (fault) => {
      if (fault === null) log.info('the backend is healthy');
      else log.warn({ fault }, 'the backend is unhealthy');
    },
    ...machine,
  };
}

function tlsOf({ tlsCertificate, tlsKey, tlsClientAuthorities }: SidecarFlags): SidecarOptions['listen']['tls'] {
  if (tlsCertificate === undefined && tlsKey === undefined && tlsClientAuthorities === undefined) return undefined;
  if (tlsCertificate === undefined || tlsKey === undefined)
    throw new UsageError('TLS needs both: --tls-certificate and --tls-key');
  return {
    certificates: [{ certificate: tlsCertificate, key: tlsKey }],
    clientAuthorities: tlsClientAuthorities,
    minimumVersion: 'TLSv1.2',
  };
}
