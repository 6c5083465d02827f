import { Command } from 'commander';
import { accessFiles } from '../../app/registry-access.ts';
import { type ServedRegistryOptions, serveRegistry } from '../../app/served-registry.ts';
import { addressText, type HostPort } from '../../runtime/address.ts';
import { addressOption, optionWithDefault } from '../options/options.ts';
import { DEFAULT_REGISTRY } from '../options/registry-option.ts';
import { serveMetrics } from '../output/housekeeping-output.ts';
import { continueUnread, writeFault, writeOut } from '../output/terminal.ts';
import { stopOnSignals } from '../signals.ts';

interface RegistryOptions extends ServedRegistryOptions {
  readonly metrics?: HostPort;
}

export function registryCommand(): Command {
  return new Command('registry')
    .description('serve the embedded registry over the network')
    .addOption(optionWithDefault('--listen <address>', 'the address to serve on', addressOption, DEFAULT_REGISTRY))
    .option('--data <file>', 'where topologies are kept', '.keyway/registry.sqlite')
    .option('--token-file <file>', 'a file with the token that clients must present; required unless on loopback')
    .option('--tokens <file>', 'a YAML file with several tokens and their roles, instead of --token-file')
    .option('--certificate <file>', 'PEM file of the certificate; with --key')
    .option('--key <file>', 'PEM file of its key')
    .option('--insecure', 'serve other machines without TLS: anyone who sees the traffic sees the tokens')
    .option('--metrics <address>', 'where to serve metrics of the process, host:port', addressOption)
    .addHelpText(
      'after',
      '\nTokens and certificates are read again when their files change, and at SIGHUP.\n\nExample:\n  keyway registry --listen 127.0.0.1:9200 --data /var/lib/keyway/registry.sqlite',
    )
    .action(async (options: RegistryOptions) => {
      continueUnread();
      const metrics = await serveMetrics(options.metrics, null);
      const { port, access, close } = await serveRegistry(options, writeFault);
      const isReread = accessFiles(options).length > 0;
      if (isReread) process.on('SIGHUP', () => access.reload('SIGHUP'));
      stopOnSignals(
        async () => {
          metrics?.close();
          await close();
        },
        isReread ? ['SIGTERM', 'SIGINT'] : undefined,
      );
      writeOut(`registry on ${addressText({ host: options.listen.host, port })}\n`);
    });
}
