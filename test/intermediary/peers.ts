import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { FrameType } from '../../src/http2/frames.ts';
import type { Scope } from '../support/processes.ts';
import { frame, headerBlock, RawPeer, word } from '../support/raw-peer.ts';
import { Http1Reader, writeAnswer, writeRequest } from './http1-wire.ts';
import { answerFrames, Http2Reader, requestFrames } from './http2-wire.ts';
import type { Answer, Got, Request, Version } from './message.ts';

/** Something that comes to pass; the test's own time limit ends the waiting. */
class Signal {
  #waiting: Array<() => void> = [];

  wake(): void {
    for (const each of this.#waiting.splice(0)) each();
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

/** What an answer is made of, once the request's head, or its end, has come. */
export type Script = (request: Got) => Answer | null;

/** A shard whose bytes a test writes: both versions' is one object, so that a rule need not know. */
export class Shard {
  /** Requests whose heads have come, since the rule began. */
  requests: Got[] = [];
  script: Script = () => ({});
  readonly signal = new Signal();
  readonly port: number;
  /** Bytes of HTTP/1.1 that came, a connection each. */
  readonly heard: string[] = [];

  private constructor(port: number) {
    this.port = port;
  }

  static async listen(scope: Scope, version: Version): Promise<Shard> {
    const server = createServer((socket) => {
      scope.defer(() => socket.destroy());
      socket.on('error', () => {});
      if (version === 'h2') serveHttp2(shard, socket);
      else serveHttp1(shard, socket);
    }).listen(0, '127.0.0.1');
    scope.defer(() => server.close());
    await once(server, 'listening');
    const shard = new Shard((server.address() as { port: number }).port);
    return shard;
  }

  /** The request for a target, or the first one, once its end has come, in whatever way. */
  async request(target: string | null = null): Promise<Got> {
    const find = (): Got | undefined => this.requests.find((each) => each.target === target) ?? this.requests[0];
    await this.signal.until(() => (find()?.end ?? 'open') !== 'open');
    return find() as Got;
  }

  begin(script: Script): void {
    this.requests = [];
    this.script = script;
  }
}

/** Answers each request once, as soon as the script has an answer. */
class Answering {
  readonly #shard: Shard;
  readonly #say: (answer: Answer) => void;
  readonly #sayContinue: () => void;
  #answered = false;

  constructor(shard: Shard, say: (answer: Answer) => void, sayContinue: () => void) {
    this.#shard = shard;
    this.#say = say;
    this.#sayContinue = sayContinue;
  }

  onHead(got: Got): void {
    this.#shard.requests.push(got);
    this.#shard.signal.wake();
    if (got.value('expect') === '100-continue') this.#sayContinue();
    this.#answerIf((answer) => answer.early === true, got);
  }

  onEnd(got: Got): void {
    this.#shard.signal.wake();
    if (got.end === 'complete') this.#answerIf(() => true, got);
  }

  #answerIf(ready: (answer: Answer) => boolean, got: Got): void {
    if (this.#answered) return;
    const answer = this.#shard.script(got);
    if (answer === null || !ready(answer)) return;
    this.#answered = true;
    this.#say(answer);
  }
}

function serveHttp1(shard: Shard, socket: Socket): void {
  const place = shard.heard.push('') - 1;
  let answering: Answering | null = null;
  const say = (answer: Answer): void => {
    socket.write(writeAnswer(answer), 'latin1');
    if (answer.closes === true) socket.end();
  };
  const reader = new Http1Reader(
    null,
    (got) => {
      answering = new Answering(shard, say, () => socket.write('HTTP/1.1 100 Continue\r\n\r\n'));
      answering.onHead(got);
    },
    (got) => answering?.onEnd(got),
  );
  socket.on('data', (chunk: Buffer) => {
    shard.heard[place] += chunk.toString('latin1');
    reader.read(chunk.toString('latin1'));
    shard.signal.wake();
  });
  socket.on('close', () => {
    reader.close();
    shard.signal.wake();
  });
}

function serveHttp2(shard: Shard, socket: Socket): void {
  const peer = new RawPeer(socket, true);
  const answering = new Map<number, Answering>();
  // Extended CONNECT is on (RFC 8441, 3), and no window is in the way.
  peer.write(
    frame(FrameType.Settings, 0, 0, Buffer.from([0, 8, 0, 0, 0, 1, 0, 4, 0, 16, 0, 0])),
    frame(FrameType.WindowUpdate, 0, 0, word(2 ** 30)),
  );
  const reader = new Http2Reader(
    (got, id) => {
      const goOn = frame(FrameType.Headers, 4, id, headerBlock([[':status', '100']]));
      const each = new Answering(
        shard,
        (answer) => peer.write(...answerFrames(id, answer)),
        () => peer.write(goOn),
      );
      answering.set(id, each);
      each.onHead(got);
    },
    (got, id) => answering.get(id)?.onEnd(got),
  );
  peer.onFrame = (each) => {
    reader.read(each);
    shard.signal.wake();
  };
  socket.on('close', () => {
    reader.close();
    shard.signal.wake();
  });
}

/** A client whose bytes a test writes. */
export class Client {
  readonly version: Version;
  /** Answers, in the order of their requests. */
  readonly answers: Got[] = [];
  closed = false;
  /** All that came over HTTP/1.1. */
  text = '';
  readonly #signal = new Signal();
  readonly #socket: Socket;
  #send: (request: Request, target: string) => void = () => {};
  #onward: (content: string, ends: boolean) => void = () => {};

  private constructor(version: Version, socket: Socket) {
    this.version = version;
    this.#socket = socket;
    socket.on('error', () => {});
  }

  static async connect(scope: Scope, port: number, version: Version): Promise<Client> {
    if (version === 'h2') {
      const peer = await RawPeer.connect(scope, port);
      const client = new Client(version, peer.socket);
      client.#speakHttp2(peer);
      return client;
    }
    const socket = connect(port, '127.0.0.1');
    scope.defer(() => socket.destroy());
    await once(socket, 'connect');
    const client = new Client(version, socket);
    client.#speakHttp1(socket);
    return client;
  }

  readonly #onHead = (got: Got): void => {
    if (!this.answers.includes(got)) this.answers.push(got);
    this.#signal.wake();
  };
  readonly #onEnd = (got: Got): void => this.#onHead(got);

  #speakHttp1(socket: Socket): void {
    const methods: string[] = [];
    const reader = new Http1Reader(methods, this.#onHead, this.#onEnd);
    this.#send = (request, target) => {
      methods.push(request.method ?? /^\S*/.exec(request.raw ?? 'GET')?.[0] ?? 'GET');
      socket.write(writeRequest(request, target), 'latin1');
    };
    this.#onward = (content) => socket.write(content, 'latin1');
    socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('latin1');
      reader.read(chunk.toString('latin1'));
      this.#signal.wake();
    });
    socket.on('close', () => {
      this.closed = true;
      reader.close();
      this.#signal.wake();
    });
  }

  #speakHttp2(peer: RawPeer): void {
    let id = -1;
    const take = (got: Got, of: number): void => {
      this.answers[(of - 1) / 2] = got;
      this.#signal.wake();
    };
    const reader = new Http2Reader(take, take);
    this.#send = (request, target) => {
      id += 2;
      peer.write(...requestFrames(id, request, target));
    };
    this.#onward = (content, ends) =>
      peer.write(frame(FrameType.Data, ends ? 1 : 0, id, Buffer.from(content, 'latin1')));
    peer.onFrame = (each) => {
      reader.read(each);
      this.#signal.wake();
    };
    peer.socket.on('close', () => {
      this.closed = true;
      reader.close();
      this.#signal.wake();
    });
  }

  send(request: Request, target: string): void {
    this.#send(request, target);
  }

  /** More of the content of what was sent last: the bytes as they are, over HTTP/1.1. */
  sendOn(content: string, ends = false): void {
    this.#onward(content, ends);
  }

  /** The answer of this number, once it has ended, or the connection has without. */
  async answer(number = 0): Promise<Got | null> {
    await this.until(() => (this.answers[number]?.end ?? 'open') !== 'open' || this.closed);
    return this.answers[number] ?? null;
  }

  async until(holds: (client: Client) => boolean): Promise<void> {
    await this.#signal.until(() => holds(this));
  }

  close(): void {
    this.#socket.destroy();
  }
}
