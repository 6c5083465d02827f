import { Command } from 'commander';
import { splitAddress } from '../../../src/runtime/address.ts';
import { CallLog } from './call-log.ts';
import { DocumentsInMemory } from './documents-in-memory.ts';
import { PlainShard } from './plain-shard.ts';

/** A plain shard as a process of its own. */
const program = new Command('plain-shard')
  .requiredOption('--id <id>', 'the id of the shard')
  .requiredOption('--listen <address>', 'where it listens, host:port')
  .requiredOption('--data <file>', 'the database, which all shards share')
  .requiredOption('--operation-log <file>', 'what it serves is written down there')
  .option('--fenced-store', 'show the store the version with each write')
  .parse();
const flags = program.opts<{ id: string; listen: string; data: string; operationLog: string; fencedStore?: true }>();
const documents = new DocumentsInMemory(flags.data, flags.id, flags.fencedStore === true);
const { host, port } = splitAddress(flags.listen);
await new PlainShard(documents, new CallLog(flags.operationLog, flags.id)).listen(host, port);
process.stdout.write(`plain shard ${flags.id} listening on ${flags.listen}\n`);
