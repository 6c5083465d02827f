import { createServer as createHttp1 } from 'node:http';
import { createServer as createHttp2 } from 'node:http2';
import { fileURLToPath } from 'node:url';
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type ServiceClientConstructor,
  status,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { serveBothVersions } from './both-versions.ts';
import type { Scope } from './processes.ts';
import { yorkieService } from './yorkie-service.ts';

export interface YorkieBackend {
  readonly port: number;
  /** Headers of the calls that it got. */
  readonly calls: Array<Readonly<Record<string, string>>>;
}

/** What a watch sends; it ends by itself, so that a test sees its end. */
export const WATCH_EVENTS = 3;

/**
 * A backend that speaks what Yorkie's servers speak, gRPC, gRPC-Web and Connect, over HTTP/1.1 and HTTP/2 on one cleartext
 * port. A change `fail` is refused with FAILED_PRECONDITION.
 */
export async function startYorkieBackend(scope: Scope, name: string): Promise<YorkieBackend> {
  const calls: Array<Readonly<Record<string, string>>> = [];
  const begin = ({ requestHeader, responseHeader }: HandlerContext): void => {
    calls.push(Object.fromEntries(requestHeader.entries()));
    responseHeader.set('x-backend', name);
  };
  const implementation = {
    activateClient: ({ clientKey }: { clientKey: string }, context: HandlerContext) => {
      begin(context);
      return { clientId: `${name}/${clientKey}` };
    },
    pushPullChanges: ({ change }: { change: string }, context: HandlerContext) => {
      begin(context);
      if (change === 'fail') throw new ConnectError('as asked', Code.FailedPrecondition);
      return { change };
    },
    async *watchDocument({ documentId }: { documentId: string }, context: HandlerContext) {
      begin(context);
      for (let number = 1; number <= WATCH_EVENTS; number++) {
        yield { event: `${name}/${documentId}`, number };
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
  // The service is known at run time alone, and so are the types of its messages.
  const routes = (router: ConnectRouter): unknown => router.service(yorkieService, implementation as object);
  const handler = connectNodeAdapter({ routes: (router) => void routes(router) });
  const port = await serveBothVersions(scope, createHttp1(handler), createHttp2(handler));
  return { port, calls };
}

/** The same service for gRPC alone. */
export async function startGrpcOnlyBackend(scope: Scope, name: string): Promise<YorkieBackend> {
  const calls: Array<Readonly<Record<string, string>>> = [];
  const server = new Server();
  const definition = loadSync(fileURLToPath(new URL('./yorkie.proto', import.meta.url)));
  const { yorkie } = loadPackageDefinition(definition) as unknown as {
    yorkie: { v1: { YorkieService: ServiceClientConstructor } };
  };
  const activateClient: handleUnaryCall<{ clientKey: string }, object> = ({ request, metadata }, done) => {
    calls.push(metadata.getMap() as Record<string, string>);
    done(null, { clientId: `${name}/${request.clientKey}` });
  };
  const pushPullChanges: handleUnaryCall<{ change: string }, object> = ({ request, metadata }, done) => {
    calls.push(metadata.getMap() as Record<string, string>);
    if (request.change === 'fail') done({ code: status.FAILED_PRECONDITION, details: 'as asked' });
    else done(null, { change: request.change });
  };
  const watchDocument: handleServerStreamingCall<{ documentId: string }, object> = (call) => {
    calls.push(call.metadata.getMap() as Record<string, string>);
    for (let number = 1; number <= WATCH_EVENTS; number++)
      call.write({ event: `${name}/${call.request.documentId}`, number });
    call.end();
  };
  server.addService(yorkie.v1.YorkieService.service, { activateClient, pushPullChanges, watchDocument });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  scope.defer(() => server.forceShutdown());
  return { port, calls };
}
