import { Command } from 'commander';
import { loadConfig } from '../config/index.ts';
import { addressText } from '../topology/index.ts';
import { Reloader } from './reload/reloader.ts';
import { RouterProcess } from './router-process.ts';
import { stopOnSignals } from './signals.ts';
import { writeOut } from './terminal.ts';

export function routerCommand(): Command {
  return new Command('router')
    .description('run a router')
    .requiredOption('--config <file>', 'the config, in YAML')
    .option('--check', 'check the config and exit')
    .addHelpText(
      'after',
      '\nExample:\n  keyway router --config keyway.yaml --check && keyway router --config keyway.yaml',
    )
    .action(async ({ config: file, check }: { config: string; check?: true }) => {
      const config = loadConfig(file);
      if (check) {
        writeOut(`${file} is right\n`);
        return;
      }
      const router = new RouterProcess(config, { listenAt: `listen in ${file}`, adminAt: `admin in ${file}` });
      const reloader = new Reloader(file, router);
      router.reloads = reloader;
      const started = router.start();
      // A router that is not ready yet reads its file again once it is.
      process.on('SIGHUP', () => started.then(() => void reloader.reload('SIGHUP')).catch(() => {}));
      const { ports, adminPort } = await started;
      stopOnSignals(() => {
        reloader.stop();
        return router.stop();
      }, ['SIGTERM', 'SIGINT']);
      reloader.start();
      const addresses = config.listen.map(({ host }, i) => addressText({ host, port: ports[i] as number }));
      const admin = addressText({ host: config.admin.host, port: adminPort });
      writeOut(`listening on ${addresses.join(', ')}; admin on ${admin}\n`);
    });
}
