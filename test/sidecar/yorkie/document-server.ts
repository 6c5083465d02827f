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

/** A document in a server's memory: read from the database once, and right for as long as no other server writes it. */
interface Held {
  readonly changes: string[];
  readonly watchers: Set<() => void>;
  /** One change after the other. */
  last: Promise<unknown>;
}

/**
 * A server as Yorkie's are: Connect over HTTP/1.1, with the documents that it serves in its memory, and what becomes of them in a database. It knows
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
      watchDocument: (request: { documentId: string }, context: HandlerContext) => server.#watch(request, context),
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
      for (const onChange of held.watchers) onChange();
    });
    await held.last;
    return { change };
  }

  /** How many changes there are, and from then on each. */
  async *#watch({ documentId }: { documentId: string }, { signal }: HandlerContext) {
    const held = await this.#hold(documentId);
    this.watched.push(documentId);
    let wake = (): void => {};
    const onChange = (): void => wake();
    held.watchers.add(onChange);
    signal.addEventListener('abort', onChange);
    try {
      for (let sent = -1; !signal.aborted; ) {
        const { length } = held.changes;
        if (sent === length) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          continue;
        }
        sent = sent < 0 ? length : sent + 1;
        yield { event: held.changes[sent - 1] ?? '', number: sent };
      }
    } finally {
      held.watchers.delete(onChange);
      this.watched.splice(this.watched.indexOf(documentId), 1);
    }
  }
}
