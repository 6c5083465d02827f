import { Command } from 'commander';
import { processName } from '../../app/process-name.ts';
import { ClusterX, ClusterXServer } from '../../discovery/index.ts';
import { DEFAULT_NAMESPACE } from '../../registry/index.ts';
import { openRegistry } from '../../registry/store/index.ts';
import { addressText, type HostPort, isLoopback } from '../../runtime/address.ts';
import { listenFault } from '../../runtime/foreign-errors.ts';
import { newLog } from '../../runtime/log.ts';
import { machine } from '../../runtime/machine-clock.ts';
import { SHORTEST_TOKEN, secretIn } from '../../runtime/named-file.ts';
import { UsageError } from '../../runtime/usage-error.ts';
import { addressOption, nameOption, optionWithDefault } from '../options/options.ts';
import { chosenRegistry, type RegistryFlag, withRegistryOption } from '../options/registry-option.ts';
import { logRegistry } from '../output/registry-log.ts';
import { continueUnread, writeOut } from '../output/terminal.ts';
import { stopOnSignals } from '../signals.ts';

interface ClusterXFlags extends RegistryFlag {
  readonly namespace: string;
  readonly cluster: string;
  readonly listen: HostPort;
  readonly passwordFile: string;
}

/** The port of Kvrocks. */
const DEFAULT_LISTEN = '127.0.0.1:6666';

/** `keyway clusterx`: takes a topology from what controls Kvrocks nodes. */
export function clusterxCommand(): Command {
  return withRegistryOption(
    new Command('clusterx')
      .description("take a cluster's topology from a controller of Kvrocks, by CLUSTERX SETNODES and SETSLOT")
      .requiredOption('--cluster <name>', 'the cluster', nameOption)
      .option('--namespace <name>', 'the namespace of the cluster', nameOption, DEFAULT_NAMESPACE)
      .requiredOption('--password-file <file>', 'a file with the password that controllers must give by AUTH')
      .addOption(optionWithDefault('--listen <address>', 'the address to serve on', addressOption, DEFAULT_LISTEN)),
  )
    .addHelpText('after', '\nExample:\n  keyway clusterx --cluster cache --password-file controller.password')
    .action(serve);
}

async function serve(flags: ClusterXFlags): Promise<void> {
  const { namespace, cluster, listen, passwordFile } = flags;
  const password = secretIn(passwordFile, isLoopback(listen.host) ? 1 : SHORTEST_TOKEN);
  continueUnread();
  const log = newLog('info').child({ namespace, cluster });
  const registry = openRegistry(chosenRegistry(flags), machine);
  logRegistry(registry, log);
  const writer = { candidate: processName(), clock: machine.clock };
  const server = new ClusterXServer(new ClusterX(registry, { namespace, cluster }, writer), password);
  try {
    const port = await server.listen(listen);
    stopOnSignals(async () => {
      server.close();
      await registry.close();
    });
    writeOut(`CLUSTERX of ${namespace}/${cluster} on ${addressText({ host: listen.host, port })}\n`);
  } catch (cause) {
    await registry.close();
    throw new UsageError(listenFault(cause, '--listen'), { cause });
  }
}
