import { Agent } from 'node:http';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { changeTopology } from '../../../src/handoff/index.ts';
import type { WaveRules } from '../../../src/topology/index.ts';
import { configOf } from '../../support/cluster.ts';
import { freePorts, KEYWAY, type Scope } from '../../support/processes.ts';
import { clock, registryOn } from '../../support/registries.ts';
import { yorkieService } from '../../support/yorkie-service.ts';
import { Sidecars } from '../sidecars.ts';
import { DocumentServer, SharedDatabase } from './document-server.ts';
import { type DocumentMethods, Editor } from './editor.ts';

export const WATCH = '/yorkie.v1.YorkieService/WatchDocument';

export interface EditedSetup {
  readonly shards: number;
  /** How many of the shards have keys at first. */
  readonly inUse: number;
  readonly routers: number;
  readonly documents: number;
  /** Of each document. */
  readonly users: number;
  /** As Editor has it. */
  readonly pauseMs: number;
  /** As Editor has it. */
  readonly comesBackAfterMs: number;
  /** How a watch leaves its old owner, as the route has it; as by default where it is not given. */
  readonly onMove?: object;
  readonly waves?: WaveRules;
  /** The command of the routers: that of another checkout, or this one's. */
  readonly keyway?: string;
}

/** Documents that several people edit and watch, by Connect over HTTP/1.1, on servers as Yorkie's are behind sidecars. */
export class EditedDocuments {
  readonly sidecars: Sidecars;
  readonly database: SharedDatabase;
  readonly servers: readonly DocumentServer[];
  readonly documents: readonly string[];
  readonly editors: readonly Editor[];
  readonly #scope: Scope;
  readonly #waves: WaveRules | undefined;

  private constructor(
    scope: Scope,
    { sidecars, database, servers, documents, editors }: Omit<EditedDocuments, 'handOver' | 'changesOf' | 'ofDocument'>,
    waves: WaveRules | undefined,
  ) {
    this.#scope = scope;
    this.sidecars = sidecars;
    this.database = database;
    this.servers = servers;
    this.documents = documents;
    this.editors = editors;
    this.#waves = waves;
  }

  static async start(scope: Scope, setup: EditedSetup): Promise<EditedDocuments> {
    const { shards, inUse, routers, users, pauseMs, comesBackAfterMs, waves } = setup;
    const sidecars = await Sidecars.start(scope, 0);
    const database = new SharedDatabase();
    const servers: DocumentServer[] = [];
    for (let i = 0; i < shards; i++) {
      const server = await DocumentServer.start(scope, database);
      servers.push(server);
      const hook = ['--on-keys-leave', `http://127.0.0.1:${server.port}/keys-leave`];
      await sidecars.add(`s${i}`, `127.0.0.1:${server.port}`, [...hook, '--watch', WATCH]);
    }
    await changeTopologyTo(scope, sidecars, inUse, waves);
    const endpoints = await Promise.all(
      Array.from({ length: routers }, () => startRouter(scope, sidecars.registry, setup)),
    );
    const documents = Array.from({ length: setup.documents }, (_, i) => `d${i}`);
    const editors = documents.flatMap((document) =>
      Array.from({ length: users }, (_, i) => {
        const methods = clientOf(scope, endpoints[i % routers] as string);
        return new Editor({ methods, name: `u${i}`, document, pauseMs, comesBackAfterMs });
      }),
    );
    return new EditedDocuments(scope, { sidecars, database, servers, documents, editors }, waves);
  }

  /** Hands over to the first so many shards. */
  async handOver(shards: number): Promise<void> {
    await changeTopologyTo(this.#scope, this.sidecars, shards, this.#waves);
  }

  ofDocument(document: string): readonly Editor[] {
    return this.editors.filter((editor) => editor.document === document);
  }

  /** What the database has of a document. */
  changesOf(document: string): readonly string[] {
    return this.database.documents.get(document) ?? [];
  }
}

async function changeTopologyTo(
  scope: Scope,
  sidecars: Sidecars,
  shards: number,
  waves: WaveRules | undefined,
): Promise<void> {
  const registry = registryOn(sidecars.under.open(), scope);
  const draft = { ...sidecars.draft(shards), waves };
  await changeTopology(registry, draft, { reason: 'a shard comes or goes', candidate: 'here', clock });
}

/** @returns where it listens */
async function startRouter(scope: Scope, address: string, setup: EditedSetup): Promise<string> {
  const [adminPort] = (await freePorts(1)) as [number];
  const { keyway = KEYWAY, onMove } = setup;
  const route = { match: { prefix: '/' }, cluster: 'docs', watch: [WATCH], ...(onMove && { onMove }) };
  const registry = { remote: { address }, keepIn: scope.folder() };
  const config = scope.file('keyway.yaml', configOf({ shards: [], registry, routes: [route] }, adminPort));
  const router = scope.run(process.execPath, [keyway, 'router', '--config', config]);
  const [, port] = await router.printed(/listening on 127\.0\.0\.1:(\d+)/);
  return `127.0.0.1:${port}`;
}

/** Each has connections of its own, as people have. */
function clientOf(scope: Scope, endpoint: string): DocumentMethods {
  const agent = new Agent({ keepAlive: true });
  scope.defer(() => agent.destroy());
  const transport = createConnectTransport({
    baseUrl: `http://${endpoint}`,
    httpVersion: '1.1',
    nodeOptions: { agent },
  });
  return createClient(yorkieService, transport) as unknown as DocumentMethods;
}
