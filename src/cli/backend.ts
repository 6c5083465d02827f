import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { Command } from 'commander';
import { ShardServer } from '../shard/index.ts';
import { addressText, type HostPort } from '../topology/index.ts';
import { addressOption } from './options.ts';
import { stopOnSignals } from './signals.ts';

const DEFAULT_DATA = '.keyway/documents.sqlite';
/** How long calls in flight may go on after SIGTERM; watches are ended then. */
const STOP_GRACE_MS = 2000;

export function backendCommand(): Command {
  return new Command('backend')
    .description('run a reference shard: documents with watch, over gRPC')
    .requiredOption('--id <id>', 'the id of the shard')
    .requiredOption('--listen <address>', 'where it listens, host:port', addressOption)
    .option('--data <file>', 'the database, which all shards of a machine share', DEFAULT_DATA)
    .addHelpText(
      'after',
      '\nExample:\n  keyway backend --id s0 --listen 127.0.0.1:9101 --data .keyway/documents.sqlite',
    )
    .action(async ({ id, listen, data }: { id: string; listen: HostPort; data: string }) => {
      mkdirSync(dirname(data), { recursive: true });
      const server = new ShardServer({ id, address: addressText(listen), file: data });
      const port = await server.start();
      stopOnSignals(() => server.stop(STOP_GRACE_MS));
      // A parent that started us (`keyway dev`) hears of it, and takes us along when it goes.
      process.send?.({ port });
      process.on('disconnect', () => process.exit(0));
      process.stdout.write(`shard ${id} listening on ${addressText({ host: listen.host, port })}\n`);
    });
}
