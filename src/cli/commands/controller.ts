import { Command } from 'commander';
import { processName } from '../../app/process-name.ts';
import {
  type ControllerLog,
  type ControllerSettings,
  type LedClusterSettings,
  loadControllerSettings,
  runController,
  Webhook,
  type WebhookLog,
} from '../../controller/index.ts';
import { readIdentity } from '../../io/index.ts';
import type { Registry } from '../../registry/index.ts';
import { openRegistry } from '../../registry/store/index.ts';
import { Api, type ApiProcess, ApiServer } from '../../rest/index.ts';
import { addressText } from '../../runtime/address.ts';
import { type Log, newLog } from '../../runtime/log.ts';
import { machine } from '../../runtime/machine-clock.ts';
import { folded } from '../output/folded.ts';
import { logRegistry } from '../output/registry-log.ts';
import { continueUnread, writeOut } from '../output/terminal.ts';
import { stopOnSignals } from '../signals.ts';

interface ControllerFlags {
  readonly config: string;
  readonly check?: true;
}

/** `keyway controller`: leads clusters of Redis, with others that do the same. */
export function controllerCommand(): Command {
  return new Command('controller')
    .description('lead Redis clusters: have replicas take over from primaries that die')
    .requiredOption('--config <file>', 'its config, in YAML: registry, clusters and api')
    .option('--check', 'check the config and exit')
    .addHelpText('after', '\nExample:\n  keyway controller --config controller.yaml')
    .action(control);
}

async function control({ config, check }: ControllerFlags): Promise<void> {
  const settings = loadControllerSettings(config);
  if (check === true) {
    writeOut(`${config} is valid\n`);
    return;
  }
  continueUnread();
  const log = newLog(settings.logLevel);
  const registry = openRegistry(settings.registry, machine);
  logRegistry(registry, log);
  const stopping = new AbortController();
  const { clock, timeOfDayMs, random } = machine;
  const who = { candidate: processName(), clock, timeOfDayMs, random };
  const api = await serveApi(settings, registry, { ...who, signal: stopping.signal }, log);
  const onDropped: WebhookLog['onDropped'] = (url, reason, dropped) =>
    // The rest of an address may be a secret.
    log.warn({ receiver: new URL(url).origin, reason, dropped }, 'a webhook was not told of an event');
  const hooks = settings.webhooks.map(
    (each) => new Webhook(each, { onDropped }, { timeOfDayMs, pause: registry.pause }, stopping.signal),
  );
  const reported = ({ name }: LedClusterSettings): ControllerLog => ({
    ...logOf(log.child(name)),
    onEvent: (event) => {
      for (const hook of hooks) hook.emit(name, event);
    },
  });
  const running = runController(registry, settings, who, reported, stopping.signal);
  stopOnSignals(async () => {
    stopping.abort();
    api?.close();
    await running;
    await registry.close();
  });
  await running;
}

/** @returns null where the config has none */
async function serveApi(
  { api, clusters }: ControllerSettings,
  registry: Registry,
  process: ApiProcess,
  log: Log,
): Promise<ApiServer | null> {
  if (api === null) return null;
  const { listen, token, tls, hosts } = api;
  const server = new ApiServer(
    new Api(registry, api, clusters, process),
    token,
    hosts,
    tls === null ? null : readIdentity(tls).options,
  );
  const port = await server.listen(listen.host, listen.port);
  log.info({ address: addressText({ host: listen.host, port }) }, 'the REST interface is served');
  return server;
}

function logOf(log: Log): Omit<ControllerLog, 'onEvent'> {
  return {
    onTerm: (leads) =>
      log.info(leads ? 'this controller leads the cluster' : 'this controller leads the cluster no more'),
    onCommitted: ({ version, shards }, reason) =>
      log.warn({ version, shards: shards.length, reason }, 'a topology is committed'),
    onTold: folded((message, times) => log.info(times === 1 ? {} : { times }, message)),
    onFault: folded((message, times) => log.warn(times === 1 ? {} : { times }, message)),
  };
}
