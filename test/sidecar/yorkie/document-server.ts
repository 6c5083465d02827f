import { once } from 'node:events';
import { createServer } from 'node:http';
import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import type { Scope } from '../../support/processes.ts';
import { yorkieService } from '../../support/yorkie-service.ts';

/** The database that all servers share: each document's changes, written whole. */
export class SharedDatabase {
  readonly documents = new Map<string, readonly string[]>();

  async read(document: string): Promise<readonly string[]> {
    await new Promise((resolve) => setImmediate(resolve));
    return this.documents.get(document) ?? [];
  }

  async write(document: string, changes: readonly string[]): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 1));
    this.documents.set(document, changes);
  }
}

interface WatchRequest {
  readonly documentId: string;
  readonly clientId: string;
}

/** What a watch has yet to send, apart from changes. */
interface Notice {
  readonly watched?: string;
  readonly unwatched?: string;
}

/** One who watches a document. */
interface Watcher {
  readonly client: string;
  readonly notices: Notice[];
  wake(): void;
}

/** A document in a server's memory: read from the database once, and right for as long as no other server writes it. */
interface Held {
  readonly changes: string[];
  readonly watchers: Set<Watcher>;
  /** One change after the other. */
  last: Promise<unknown>;
}

/**
 * A server as Yorkie's are: Connect over HTTP/1.1, with the documents that it serves, and who watches them, in its memory, and what becomes of them in a database. It knows
 * nothing of Keyway, but that it forgets the documents that a POST to `/keys-leave` names.
 */
export class DocumentServer {
  readonly #database: SharedDatabase;
  readonly #held = new Map<string, Promise<Held>>();
  /** Documents that are watched here, one for each watch. */
  readonly watched: string[] = [];
  port = 0;

  private constructor(database: SharedDatabase) {
    this.#database = database;
  }

  static async start(scope: Scope, database: SharedDatabase): Promise<DocumentServer> {
    const server = new DocumentServer(database);
    const implementation = {
      activateClient: ({ clientKey }: { clientKey: string }) => ({ clientId: clientKey }),
      pushPullChanges: (request: { documentId: string; change: string }) => server.#push(request),
      watchDocument: (request: WatchRequest, context: HandlerContext) => server.#watch(request, context),
    };
    // The service is known at run time alone, and so are the types of its messages.
    const routes = (router: ConnectRouter): unknown => router.service(yorkieService, implementation as object);
    const handler = connectNodeAdapter({ routes: (router) => void routes(router) });
    const http = createServer((request, response) => {
      if (request.url !== '/keys-leave') {
        handler(request, response);
        return;
      }
      let text = '';
      request.on('data', (part: Buffer) => {
        text += part.toString();
      });
      request.on('end', () => {
        for (const key of (JSON.parse(text) as { keys: string[] }).keys) server.#held.delete(key);
        response.end();
      });
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    scope.defer(() => {
      http.close();
      http.closeAllConnections();
    });
    server.port = (http.address() as { port: number }).port;
    return server;
  }

  #hold(document: string): Promise<Held> {
    const held = this.#held.get(document) ?? this.#load(document);
    this.#held.set(document, held);
    return held;
  }

  async #load(document: string): Promise<Held> {
    return { changes: [...(await this.#database.read(document))], watchers: new Set(), last: Promise.resolve() };
  }

  async #push({ documentId, change }: { documentId: string; change: string }): Promise<{ change: string }> {
    const held = await this.#hold(documentId);
    held.last = held.last.then(async () => {
      held.changes.push(change);
      await this.#database.write(documentId, [...held.changes]);
      for (const watcher of held.watchers) watcher.wake();
    });
    await held.last;
    return { change };
  }

  /** How many changes there are, and who watches; from then on each change, and who comes and goes. */
  async *#watch({ documentId, clientId }: WatchRequest, { signal }: HandlerContext) {
    const held = await this.#hold(documentId);
    const watcher: Watcher = { client: clientId, notices: [], wake: () => {} };
    const onAbort = (): void => watcher.wake();
    signal.addEventListener('abort', onAbort);
    tellOthers(held, { watched: clientId });
    held.watchers.add(watcher);
    this.watched.push(documentId);
    let sent = held.changes.length;
    try {
      yield { event: '', number: sent, clientIds: [...held.watchers].map(({ client }) => client) };
      while (!signal.aborted) {
        const notice = watcher.notices.shift();
        if (notice !== undefined) yield notice;
        else if (sent < held.changes.length) yield { event: held.changes[sent] ?? '', number: ++sent };
        else
          await new Promise<void>((resolve) => {
            watcher.wake = resolve;
          });
      }
    } finally {
      held.watchers.delete(watcher);
      tellOthers(held, { unwatched: clientId });
      this.watched.splice(this.watched.indexOf(documentId), 1);
    }
  }
}

function tellOthers({ watchers }: Held, notice: Notice): void {
  for (const watcher of watchers) {
    watcher.notices.push(notice);
    watcher.wake();
  }
}
