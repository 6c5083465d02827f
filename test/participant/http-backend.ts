import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ParticipantCall, ParticipantStep } from '../../src/node/participant/calls.ts';
import type { Scope } from '../support/processes.ts';
import { clock } from '../support/registries.ts';

/** What a backend heard, in order. */
export interface Heard {
  readonly step: ParticipantStep;
  readonly call: ParticipantCall;
  readonly atMs: number;
}

/** Takes a call in a backend's place. @returns whether it has answered, or will not */
export type Misbehaviour = (step: ParticipantStep, call: ParticipantCall, response: ServerResponse) => boolean;

const STEPS: ReadonlySet<string> = new Set(['serve', 'hold', 'commit', 'abort', 'drop']);

/** A backend that takes part by HTTP, as docs/participant.md asks for, and has nothing to hand over: what it hears is what tests look at. */
export class HttpBackend {
  readonly heard: Heard[] = [];
  /** What it does wrong. */
  misbehaves: Misbehaviour = () => false;
  /** What it waits for before it answers a first call. */
  onFirstCall: () => Promise<void> = () => Promise.resolve();
  readonly #origin = 1000 * Math.random();
  #server: Server | null = null;
  #port = 0;
  id = '';
  #agent = '';
  #sequence = 0;
  /** By its own clock. */
  #untilMs = 0;

  static async start(scope: Scope): Promise<HttpBackend> {
    const backend = new HttpBackend();
    await backend.begin();
    scope.defer(() => backend.end());
    return backend;
  }

  /** As another process, at the same address. */
  async begin(): Promise<void> {
    this.id = randomUUID();
    [this.#agent, this.#sequence, this.#untilMs] = ['', 0, 0];
    this.#server = createServer((request, response) => void this.#take(request, response));
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  end(): void {
    this.#server?.close();
    this.#server?.closeAllConnections();
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get url(): string {
    return `http://${this.address}/keyway`;
  }

  /** Whether it may serve. */
  get serves(): boolean {
    return this.#nowMs < this.#untilMs;
  }

  /** The last call of a step. */
  last(step: ParticipantStep): ParticipantCall | undefined {
    return this.heard.findLast((each) => each.step === step)?.call;
  }

  /** The steps that it heard, renewals apart. */
  get steps(): string[] {
    return this.heard.flatMap(({ step, call }) =>
      step !== 'serve' ? `${step} ${call.version}` : call.backend === '' ? 'hello' : [],
    );
  }

  get #nowMs(): number {
    return clock() + this.#origin;
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const step = request.url?.replace('/keyway/', '') ?? '';
    if (!STEPS.has(step)) {
      // It is asked whether it is well.
      response.writeHead(200).end('ok');
      return;
    }
    const call = JSON.parse(Buffer.concat(parts).toString()) as ParticipantCall;
    if (this.misbehaves(step as ParticipantStep, call, response)) return;
    const isOwn = call.backend === '' || (call.backend === this.id && call.agent === this.#agent);
    const isRefused = !isOwn || (call.agent === this.#agent && call.sequence <= this.#sequence);
    if (!isRefused) {
      [this.#agent, this.#sequence, this.#untilMs] = [call.agent, call.sequence, call.serveUntilMs];
      this.heard.push({ step: step as ParticipantStep, call, atMs: clock() });
    }
    if (call.backend === '' && !isRefused) await this.onFirstCall();
    response.writeHead(isRefused ? 409 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ backend: this.id, agent: this.#agent, clockMs: this.#nowMs }));
  }
}
