import type { Command } from 'commander';
import { Egress } from '../../app/egress/egress.ts';
import { clientConnectionsIn, openFileLimit } from '../../app/open-files.ts';
import { type HostPort, isLoopback } from '../../runtime/address.ts';
import { listenFault } from '../../runtime/foreign-errors.ts';
import type { Log } from '../../runtime/log.ts';
import { UsageError } from '../../runtime/usage-error.ts';
import { egressSettings, egressUpstream, type Sidecar } from '../../sidecar/index.ts';
import { addressOption } from '../options/options.ts';
import { chosenRegistry } from '../options/registry-option.ts';
import type { BackendFlags } from './backend-options.ts';

/** What a sidecar is told of its backend's calls to the owners of other keys. */
export interface EgressFlags {
  readonly egress?: HostPort;
  readonly egressTokenFile?: string;
  readonly keepIn?: string;
  readonly tlsAuthorities?: string;
}

/** What it is told besides, as far as these calls go by it. */
interface SidecarFlags extends BackendFlags, EgressFlags {
  readonly watch: readonly string[];
  readonly tlsCertificate?: string;
  readonly tlsKey?: string;
}

export function withEgressOptions(command: Command): Command {
  return command
    .option(
      '--egress <address>',
      'where the backend calls the owners of other keys, host:port on loopback',
      addressOption,
    )
    .option('--egress-token-file <file>', 'with --egress: a token for the registry with the role route')
    .option(
      '--keep-in <folder>',
      'with --egress: a folder for the last topology, by which it serves while the registry is away for longer than its lease',
    )
    .option(
      '--tls-authorities <file>',
      "with --egress: authorities of the other shards' certificates, which are then reached by TLS; the system's by default",
    );
}

/** @returns null where none is wanted. @throws UsageError where it could be reached from outside, or options lack it */
export function egressOf(flags: SidecarFlags, sidecar: Sidecar, log: Log): Egress | null {
  const { egress: listen, cluster, shard, namespace, watch, lease, keepIn = null } = flags;
  if (listen === undefined) {
    if (flags.egressTokenFile !== undefined || flags.keepIn !== undefined || flags.tlsAuthorities !== undefined)
      throw new UsageError('--egress-token-file, --keep-in and --tls-authorities go with --egress');
    return null;
  }
  if (!isLoopback(listen.host))
    throw new UsageError(
      `--egress: ${listen.host} can be reached from outside, and what reaches it calls as this shard does: listen on 127.0.0.1`,
    );
  // Where one of a cluster's shards is reached by TLS, so are all of them; who names their authorities means so, whatever this one is shown by.
  const tls =
    flags.tlsCertificate === undefined && flags.tlsAuthorities === undefined
      ? undefined
      : { authorities: flags.tlsAuthorities, certificate: flags.tlsCertificate, key: flags.tlsKey };
  // In metrics and errors it is told from the sidecar's own cluster, whose one shard is the backend.
  const name = `${cluster} (egress)`;
  const maxConnections = clientConnectionsIn(openFileLimit());
  return new Egress({
    listen,
    registry: {
      store: chosenRegistry({ ...flags, tokenFile: flags.egressTokenFile ?? flags.tokenFile }),
      keepIn,
      leaseMs: lease,
    },
    cluster: { name, upstream: egressUpstream(tls), source: { kind: 'registry', topology: { namespace, cluster } } },
    settings: egressSettings({ shard, cluster: name, watch, maxConnections }),
    worksOnLeaving: (next, positions) => sidecar.worksOnLeaving(next, positions),
    log: log.child({ egress: true }),
  });
}

/** @returns the port. @throws UsageError where the address, or a certificate, cannot be had */
export async function startEgress(egress: Egress): Promise<number> {
  try {
    return await egress.start();
  } catch (cause) {
    throw new UsageError(listenFault(cause, '--egress'), { cause });
  }
}
