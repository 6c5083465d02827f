import { Command, Option } from 'commander';
import { Reloader } from '../../app/reload/reloader.ts';
import { HandOver } from '../../app/replace/hand-over.ts';
import { closeUnused, inheritedSockets, reportReady } from '../../app/replace/inherited-sockets.ts';
import { replaceRunning } from '../../app/replace/replacement.ts';
import { RouterProcess } from '../../app/router-process.ts';
import { type Config, loadConfig } from '../../config/index.ts';
import { addressText } from '../../runtime/address.ts';
import { continueUnread, writeOut } from '../output/terminal.ts';
import { onOrphaned, stopOnSignals } from '../signals.ts';

interface RouterFlags {
  readonly config: string;
  readonly check?: true;
  readonly replace?: true;
  readonly inherit?: true;
}

export function routerCommand(): Command {
  return new Command('router')
    .description('run a router')
    .requiredOption('--config <file>', 'the config, in YAML')
    .option('--check', 'check the config and exit')
    .option('--replace', "replace the router that runs at the config's admin address, without losing a connection")
    .addOption(new Option('--inherit', 'how --replace starts the router that takes over').hideHelp())
    .addHelpText(
      'after',
      '\nA router reloads its config on SIGHUP, on keyway reload, and when the file changes.\n\nExample:\n' +
        '  keyway router --config keyway.yaml --check && keyway router --config keyway.yaml',
    )
    .action(async (flags: RouterFlags) => {
      const config = loadConfig(flags.config);
      if (flags.check) {
        writeOut(`${flags.config} is valid\n`);
        return;
      }
      if (flags.replace && (await replaceRunning(config, ['router', '--config', flags.config, '--inherit']))) return;
      await run(config, flags);
    });
}

async function run(config: Config, { config: file, inherit }: RouterFlags): Promise<void> {
  continueUnread();
  const inherited = inherit ? await inheritedSockets() : [];
  const settings = { listenAt: `listen in ${file}`, adminAt: `admin in ${file}` };
  const router = new RouterProcess(config, settings, inherited);
  const reloader = new Reloader(file, router);
  router.reloads = reloader;
  const started = router.start();
  // A router that is not ready yet reads its file again once it is.
  process.on('SIGHUP', () => started.then(() => void reloader.reload('SIGHUP')).catch(() => {}));
  const { ports, adminPort } = await started;
  const stop = stopOnSignals(() => {
    reloader.stop();
    return router.stop();
  }, ['SIGTERM', 'SIGINT']);
  router.handOver = new HandOver(router, () => stop(() => router.retire()));
  reloader.start();
  if (inherit) {
    // The command is what people and supervisors know of: where that was killed, nothing may be left behind.
    onOrphaned(() => stop());
    closeUnused(config);
    reportReady();
  }
  const addresses = config.listen.map(({ host }, i) => addressText({ host, port: ports[i] as number }));
  const admin = addressText({ host: config.admin.host, port: adminPort });
  writeOut(`listening on ${addresses.join(', ')}; admin on ${admin}\n`);
}
