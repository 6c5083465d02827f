import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { Command, InvalidArgumentError, Option } from 'commander';
import { DIRECT_CHANNEL } from '../../runtime/direct-channel.ts';
import { plainText } from '../../runtime/foreign-errors.ts';
import { printableLine } from '../../runtime/printable.ts';
import { EXIT_OK, UsageError } from '../../runtime/usage-error.ts';
import {
  type DocumentMessage,
  DocumentsClient,
  type ListResponse,
  type RevisionMessage,
  type WatchEvent,
} from '../../shard/index.ts';
import { durationOption, integerOption, reachableTextOption } from '../options/options.ts';
import { Notes, writeOut } from '../output/terminal.ts';
import { onLostByNpm } from '../signals.ts';

const DEFAULT_ENDPOINT = '127.0.0.1:8080';
const DEADLINE_MS = 10_000;
/** A watch that was ended comes back after this long, so that a router that is gone is not asked in a loop. */
const REATTACH_MS = 200;

interface KvOptions {
  readonly endpoint: string;
  readonly json?: true;
}

interface PutOptions extends KvOptions {
  readonly revision?: number;
  readonly ttl?: number;
}

/** One call's answer, and the shard that gave it. */
interface Answer<Message> {
  readonly message: Message;
  readonly shard: string;
}

export function kvCommand(): Command {
  const kv = new Command('kv')
    .description('read and write documents of reference shards, through the router')
    .addHelpText('after', '\nExample:\n  keyway kv put demo/hello "good day"');
  const add = (name: string, description: string, example: string): Command =>
    kv
      .command(name)
      .description(description)
      .addOption(
        new Option('--endpoint <address>', 'the router')
          .env('KEYWAY_ENDPOINT')
          .argParser(reachableTextOption)
          .default(DEFAULT_ENDPOINT),
      )
      .option('--json', 'print JSON')
      .addHelpText('after', `\nExample:\n  keyway kv ${example}`);
  const revision = ['--revision <revision>', 'the revision that it must have now; 0 if it must not exist'] as const;
  const wholeNumber = integerOption(0, Number.MAX_SAFE_INTEGER);

  add('get', 'print a document', 'get demo/hello').argument('<key>', 'project/document', keyOption).action(get);
  add('put', 'write a document', 'put demo/hello "good day"')
    .argument('<key>', 'project/document', keyOption)
    .argument('<value>', 'the text')
    .option(...revision, wholeNumber)
    .option('--ttl <time>', 'how long until housekeeping deletes it', durationOption())
    .action(put);
  add('delete', 'remove a document', 'delete demo/hello')
    .argument('<key>', 'project/document', keyOption)
    .option(...revision, wholeNumber)
    .action(remove);
  add('list', 'print the documents whose keys start with a prefix', 'list demo/')
    .argument('<prefix>', 'such as demo/', keyOption)
    .action(list);
  add('watch', 'print a document and then each change, until interrupted', 'watch demo/hello')
    .argument('<key>', 'project/document', keyOption)
    .action(watch);
  return kv;
}

/** A key goes in a header, for the router to find its shard. */
function keyOption(text: string): string {
  if (text === '') throw new InvalidArgumentError('write a key, such as demo/hello.');
  if (!/^[ -~]+$/.test(text)) throw new InvalidArgumentError('write characters of ASCII only: a key goes in a header.');
  return text;
}

async function get(key: string, options: KvOptions): Promise<void> {
  const { message, shard } = await unary<DocumentMessage>(options, 'Get', key, { key });
  print(options, documentJson(message, shard), message.value.toString('utf8'));
}

async function put(key: string, value: string, options: PutOptions): Promise<void> {
  const ttl = options.ttl === undefined ? {} : { ttlMs: options.ttl };
  const request = { key, value: Buffer.from(value, 'utf8'), ...expected(options.revision), ...ttl };
  const { message, shard } = await unary<RevisionMessage>(options, 'Put', key, request);
  print(
    options,
    { key, revision: message.revision, shard },
    `${key} is at revision ${message.revision}, on ${printableLine(shard)}`,
  );
}

async function remove(key: string, options: KvOptions & { revision?: number }): Promise<void> {
  const request = { key, ...expected(options.revision) };
  const { message, shard } = await unary<RevisionMessage>(options, 'Delete', key, request);
  print(options, { key, revision: message.revision, shard }, `${key} was deleted at revision ${message.revision}`);
}

function expected(revision: number | undefined): { expectedRevision?: number } {
  return revision === undefined ? {} : { expectedRevision: revision };
}

async function list(prefix: string, options: KvOptions): Promise<void> {
  let pageToken = '';
  do {
    const { message, shard } = await unary<ListResponse>(options, 'List', prefix, { prefix, pageToken });
    for (const document of message.documents)
      print(
        options,
        documentJson(document, shard),
        `${printableLine(document.key)}\t${document.revision}\t${printableLine(String(document.value))}`,
      );
    pageToken = message.nextPageToken;
  } while (pageToken !== '');
}

/** Watches, and comes back after the last revision seen whenever the stream is ended to be opened elsewhere. */
async function watch(key: string, options: KvOptions): Promise<void> {
  onLostByNpm(() => process.exit(EXIT_OK));
  let afterRevision: number | undefined;
  const notes = new Notes();
  for (;;) {
    try {
      await watchOnce(key, afterRevision, options, (revision) => {
        afterRevision = revision;
        notes.end();
      });
    } catch (error) {
      const { code } = error as ServiceError;
      // What came after that revision is no longer kept: a snapshot has to do.
      if (code === status.OUT_OF_RANGE) afterRevision = undefined;
      else if (code !== status.UNAVAILABLE) throw asUsage(error, options);
      notes.write(`re-attaching: ${printableLine(plainText(new Error((error as ServiceError).details)))}`);
      await sleep(pushbackMs(error as ServiceError));
    }
    await sleep(REATTACH_MS);
  }
}

/** How long a router asks to wait, so that not all of its clients come at once. */
function pushbackMs({ metadata }: ServiceError): number {
  const asked = Number(metadata?.get('grpc-retry-pushback-ms')[0] ?? 0);
  return Number.isFinite(asked) ? Math.max(0, Math.min(asked, DEADLINE_MS)) : 0;
}

function watchOnce(
  key: string,
  afterRevision: number | undefined,
  options: KvOptions,
  onRevision: (revision: number) => void,
): Promise<void> {
  const client = connect(options.endpoint);
  const request = afterRevision === undefined ? { key } : { key, afterRevision };
  let shard = '';
  const call = client.makeServerStreamRequest<object, WatchEvent>(
    method('Watch').path,
    method('Watch').requestSerialize,
    method('Watch').responseDeserialize as (bytes: Buffer) => WatchEvent,
    request,
    shardKey(key),
  );
  call.on('metadata', (metadata: Metadata) => {
    shard = shardOf(metadata);
  });
  call.on('data', ({ kind, document }: WatchEvent) => {
    onRevision(document.revision);
    const value = printableLine(String(document.value));
    const text = `${kind.toLowerCase()}\t${document.revision}\t${printableLine(shard)}\t${value}`;
    print(options, { kind: kind.toLowerCase(), ...documentJson(document, shard) }, text);
  });
  return new Promise((resolve, reject) => {
    call.on('end', resolve);
    call.on('error', reject);
  }).finally(() => client.close()) as Promise<void>;
}

type ClientWithRequests = InstanceType<typeof Client>;

function connect(endpoint: string): ClientWithRequests {
  return new DocumentsClient(endpoint, credentials.createInsecure(), DIRECT_CHANNEL);
}

function method(name: string) {
  const found = DocumentsClient.service[name];
  if (found === undefined) throw new Error(`the service has no method ${name}`);
  return found;
}

function shardKey(key: string): Metadata {
  const metadata = new Metadata();
  metadata.set('x-shard-key', key);
  return metadata;
}

function shardOf(metadata: Metadata): string {
  return String(metadata.get('x-keyway-shard')[0] ?? '');
}

function unary<Message>(options: KvOptions, name: string, key: string, request: object): Promise<Answer<Message>> {
  const client = connect(options.endpoint);
  const { path, requestSerialize, responseDeserialize } = method(name);
  const answer = new Promise<Answer<Message>>((resolve, reject) => {
    let shard = '';
    const call = client.makeUnaryRequest<object, Message>(
      path,
      requestSerialize,
      responseDeserialize as (bytes: Buffer) => Message,
      request,
      shardKey(key),
      { deadline: Date.now() + DEADLINE_MS },
      (error, message) => {
        if (error !== null) reject(asUsage(error, options));
        else resolve({ message: message as Message, shard });
      },
    );
    call.on('metadata', (metadata) => {
      shard = shardOf(metadata);
    });
  });
  return answer.finally(() => client.close());
}

/** What the shard says is wrong with a key is wrong usage; the rest are failures. */
function asUsage(error: unknown, { endpoint }: KvOptions): Error {
  const { code, details: said = '' } = error as ServiceError;
  if (code === status.INVALID_ARGUMENT) return new UsageError(printableLine(said));
  const meant = plainText(new Error(said));
  const hint =
    isOfConnecting(error) || meant !== said
      ? `. Is keyway dev, or the router, running at ${endpoint}? Use --endpoint for another`
      : '';
  return new Error(`${status[code] ?? code}: ${printableLine(meant)}${hint}`, { cause: error });
}

/** Whether no server was reached: an answer, whatever it says, has metadata of its server. */
function isOfConnecting(error: unknown): boolean {
  const { code, metadata } = error as ServiceError;
  return code === status.UNAVAILABLE && (metadata === undefined || Object.keys(metadata.getMap()).length === 0);
}

function documentJson({ key, value, revision }: DocumentMessage, shard: string): object {
  return { key, revision, shard, value: value.toString('utf8') };
}

function print(options: KvOptions, json: object, text: string): void {
  writeOut(`${options.json === true ? JSON.stringify(json) : text}\n`);
}
