import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import {
  type ParticipantCall,
  type ParticipantReply,
  type ParticipantStep,
  participantSteps,
} from '../../../src/node/participant/calls.ts';
import { ParticipantClient } from '../../../src/node/participant/grpc-participant.ts';
import { addressText, type HostPort } from '../../../src/runtime/address.ts';

export type Take = (step: ParticipantStep, call: ParticipantCall) => Promise<ParticipantReply>;

/** Takes an agent's calls as `POST /STEP`. */
export function takeByHttp({ host, port }: HostPort, take: Take): Promise<void> {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const step = participantSteps.find((each) => request.url === `/${each}`);
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    if (step === undefined) {
      response.writeHead(404).end();
      return;
    }
    const { isRefused, ...reply } = await take(step, JSON.parse(Buffer.concat(parts).toString()) as ParticipantCall);
    response.writeHead(isRefused ? 409 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(reply));
  };
  const server = createServer((request, response) => {
    // An agent that is gone asks again.
    answer(request, response).catch(() => response.destroy());
  });
  return new Promise((resolve) => server.listen(port, host, resolve));
}

/** Takes them as calls of keyway.handoff.v1.Participant. */
export async function takeByGrpc(address: HostPort, take: Take): Promise<void> {
  const method =
    (step: ParticipantStep) =>
    ({ request }: ServerUnaryCall<ParticipantCall, object>, done: sendUnaryData<object>): void => {
      void take(step, request).then(({ isRefused: refused, ...reply }) => done(null, { ...reply, refused }));
    };
  const server = new Server();
  server.addService(ParticipantClient.service, {
    Serve: method('serve'),
    Hold: method('hold'),
    Commit: method('commit'),
    Abort: method('abort'),
    Drop: method('drop'),
  });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(addressText(address), ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
}
