import { Command } from 'commander';
import { splitAddress } from '../../../src/runtime/address.ts';
import { CallLog } from '../plain-shard/call-log.ts';
import { DocumentsInMemory } from '../plain-shard/documents-in-memory.ts';
import { PlainShard } from '../plain-shard/plain-shard.ts';
import { takeByGrpc, takeByHttp } from './agent-server.ts';
import { Participation } from './participation.ts';

/** A shard that takes part in handoffs by itself, as a process of its own. */
const program = new Command('participant-shard')
  .requiredOption('--id <id>', 'the id of the shard')
  .requiredOption('--listen <address>', 'where it listens, host:port')
  .requiredOption('--data <file>', 'the database, which all shards share')
  .requiredOption('--operation-log <file>', 'what it serves is written down there')
  .requiredOption('--agent <address>', 'where it is told of each step, host:port')
  .option('--grpc', 'it is told by gRPC')
  .parse();
const flags = program.opts<{
  id: string;
  listen: string;
  data: string;
  operationLog: string;
  agent: string;
  grpc?: true;
}>();
// The store is shown the version with each write: who was stopped in the middle of one may be late.
const documents = new DocumentsInMemory(flags.data, flags.id, true);
const participation = new Participation((key) => documents.forget(key));
const takeCalls = flags.grpc === true ? takeByGrpc : takeByHttp;
await takeCalls(splitAddress(flags.agent), (step, call) => participation.take(step, call));
const { host, port } = splitAddress(flags.listen);
await new PlainShard(documents, new CallLog(flags.operationLog, flags.id), participation).listen(host, port);
process.stdout.write(`participant ${flags.id} listening on ${flags.listen}\n`);
