import { connect, type Socket } from 'node:net';
import { vi } from 'vitest';
import { decodeReply, encodeCommand, type Reply, ReplyReader } from '../../src/resp/index.ts';
import type { Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';

/** A client that says what it is told to, and writes down what it hears, in a short form: `OK`, `-ERR …`, `[a, nil]`. */
export class RedisClient {
  readonly heard: string[] = [];
  readonly socket: Socket;
  isClosed = false;

  constructor(scope: Scope, port: number) {
    const reader = new ReplyReader({
      onReply: (bytes, start, end) => this.heard.push(shown(decodeReply(bytes, start, end))),
      onReplyPart: (_bytes, _start, _end, _type, isLast) => {
        if (isLast) this.heard.push('(large)');
      },
      onFault: ({ message }) => this.heard.push(`no RESP: ${message}`),
    });
    this.socket = connect(port, '127.0.0.1');
    this.socket.setNoDelay(true);
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.isClosed = true;
    });
    this.socket.on('data', (bytes: Buffer) => reader.receive(bytes, 0, bytes.length));
    scope.defer(() => this.socket.destroy());
  }

  /** Sends commands, all of them in one piece; words are separated by blanks. */
  say(...commands: string[]): this {
    this.socket.write(Buffer.concat(commands.map((command) => encodeCommand(command.split(' ')))));
    return this;
  }

  /** Resolves once it has heard exactly so much since it was asked last. */
  async hears(...replies: string[]): Promise<void> {
    await vi.waitFor(() => {
      if (this.heard.length < replies.length) throw new Error(`heard so far: ${this.heard.join(' | ')}`);
    }, PATIENCE);
    const heard = this.heard.splice(0);
    if (JSON.stringify(heard) !== JSON.stringify(replies))
      throw new Error(`heard ${JSON.stringify(heard)}, not ${JSON.stringify(replies)}`);
  }

  /** Resolves once it has heard so much. */
  async hasHeard(replies: number): Promise<void> {
    const check = (): void => {
      if (this.heard.length < replies) throw new Error(`heard so far: ${this.heard.join(' | ')}`);
    };
    await vi.waitFor(check, { ...PATIENCE, interval: 1 });
  }

  /** The answer to one command. */
  async ask(command: string): Promise<string> {
    this.say(command);
    await vi.waitFor(() => {
      if (this.heard.length === 0) throw new Error(`no answer to ${command}`);
    }, PATIENCE);
    return this.heard.shift() as string;
  }
}

function shown(reply: Reply): string {
  switch (reply.type) {
    case 'simple':
      return reply.text;
    case 'error':
      return `-${reply.text}`;
    case 'integer':
      return `:${reply.value}`;
    case 'bulk':
    case 'verbatim':
      return reply.bytes.toString();
    case 'null':
      return 'nil';
    case 'boolean':
      return String(reply.value);
    case 'double':
    case 'big-number':
      return reply.text;
    case 'map':
      return `{${reply.entries.map(([key, value]) => `${shown(key)}: ${shown(value)}`).join(', ')}}`;
    default:
      return `${reply.type === 'push' ? '>' : ''}[${reply.items.map(shown).join(', ')}]`;
  }
}
