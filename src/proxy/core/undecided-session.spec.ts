import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { beforeEach, expect, it } from 'vitest';
import { routerContext } from '../../../test/support/router-context.ts';
import { type Claim, type FrontDoor, FrontDoors } from './front-door.ts';
import type { Session } from './session.ts';
import { UndecidedSession } from './undecided-session.ts';

let nowMs = 0;
let events: string[];

beforeEach(() => {
  nowMs = 0;
  events = [];
});

/** A door for what begins with a word. */
function doorOf(word: string, alpn: string | null = null): FrontDoor {
  const claims = (bytes: Uint8Array, start: number, end: number): Claim => {
    const text = Buffer.from(bytes.subarray(start, end)).toString('latin1').slice(0, word.length);
    if (!word.startsWith(text)) return 'no';
    return text === word ? 'yes' : 'more';
  };
  return { alpn, claims, accept: () => ({}) as Session };
}

function begin(doors: readonly FrontDoor[]) {
  const socket = Object.assign(new EventEmitter(), { destroy: () => events.push('destroyed') });
  const context = routerContext(() => nowMs);
  const session = new UndecidedSession(socket as EventEmitter as Socket, context, new FrontDoors(doors), {
    onDecided: (door, bytes, start, end, endsBecause) => {
      const text = Buffer.from(bytes.subarray(start, end)).toString('latin1');
      events.push(
        `door ${doors.indexOf(door)} takes ${text}${endsBecause === null ? '' : `, and ends: ${endsBecause}`}`,
      );
    },
    onClosed: (unclaimed) => events.push(unclaimed ? 'unclaimed' : 'closed'),
  });
  const receive = (text: string): void => session.receive(Buffer.from(text), 0, text.length);
  return { session, socket, receive };
}

it('hands a connection to the first door that claims it, with all of its bytes', () => {
  begin([doorOf('PRI '), doorOf('')]).receive('GET / HTTP/1.1');
  expect(events).toEqual(['door 1 takes GET / HTTP/1.1']);
});

it('waits for as many bytes as a door needs to decide, however they come', () => {
  const { receive } = begin([doorOf('PRI '), doorOf('')]);
  for (const byte of 'PR') receive(byte);
  expect(events).toEqual([]);
  receive('I * HTTP/2.0');
  expect(events).toEqual(['door 0 takes PRI * HTTP/2.0']);
});

it('closes connections that no door claims or recognises', () => {
  begin([doorOf('PRI ')]).receive('GET /');
  const endless = doorOf('x'.repeat(5000));
  begin([endless]).receive('x'.repeat(1024));
  expect(events).toEqual(['destroyed', 'unclaimed', 'destroyed', 'unclaimed']);
});

it('closes a connection on which nothing comes in time', () => {
  const { session } = begin([doorOf('')]);
  session.sweep(10_000);
  expect(events).toEqual([]);
  session.sweep(10_001);
  expect(events).toEqual(['destroyed', 'closed']);
});

it('leaves a client that has just connected a moment to say what it wants when the router goes away', () => {
  const late = begin([doorOf('')]);
  late.session.shutdown('shutting down');
  late.receive('hello');
  expect(events).toEqual(['door 0 takes hello, and ends: shutting down']);
  const silent = begin([doorOf('')]);
  silent.session.shutdown('shutting down');
  silent.session.sweep(999);
  silent.session.sweep(1000);
  expect(events.slice(1)).toEqual(['destroyed', 'closed']);
});

it('finds a door by what ALPN has settled on, and asks the first bytes where that is nothing', () => {
  const [two, one] = [doorOf('PRI ', 'h2'), doorOf('', 'http/1.1')];
  const doors = new FrontDoors([doorOf('*'), two, one]);
  expect(doors.alpn).toEqual(['h2', 'http/1.1']);
  expect([doors.byAlpn('http/1.1'), doors.byAlpn(null), doors.byAlpn('other')]).toEqual([one, null, null]);
});
