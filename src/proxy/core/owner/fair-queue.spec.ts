import { describe, expect, it } from 'vitest';
import { ClientShares } from './client-shares.ts';
import { clientGroup, FairQueue, type Waiting } from './fair-queue.ts';

const connections = new Map<string, object>();

/** A request, by its network, its connection and a number. */
class Request implements Waiting {
  readonly name: string;
  readonly clientGroup: string;
  readonly clientConnection: object;

  constructor(group: string, connection: string, number: number) {
    this.name = `${connection}${number}`;
    this.clientGroup = group;
    this.clientConnection = connections.get(connection) ?? {};
    connections.set(connection, this.clientConnection);
  }
}

function queueOf(...requests: Request[]): FairQueue<Request> {
  const queue = new FairQueue<Request>();
  for (const request of requests) queue.push(request, 1000);
  return queue;
}

const many = (group: string, connection: string, count: number): Request[] =>
  Array.from({ length: count }, (_, i) => new Request(group, connection, i));
const namesOf = (requests: readonly Request[]): string => requests.map(({ name }) => name).join(' ');

describe('requests that wait for a shard', () => {
  it('are taken round the networks, and within one round its connections, each in the order of their coming', () => {
    const queue = queueOf(...many('n1', 'a', 4), ...many('n1', 'b', 2), ...many('n2', 'c', 2));
    expect(namesOf(queue.takeAll())).toBe('a0 c0 b0 c1 a1 b1 a2 a3');
    expect(queue.length).toBe(0);
  });

  it('wait for those that may go before them, and keep their place', () => {
    const queue = queueOf(...many('n1', 'a', 2), ...many('n2', 'b', 1));
    const other = queue.next(({ clientGroup: group }) => group !== 'n1') as Request;
    queue.remove(other);
    expect(other.name).toBe('b0');
    expect(queue.next(() => false)).toBe(null);
    expect(namesOf(queue.takeAll())).toBe('a0 a1');
  });

  it('are taken from the client with the most of them, and never from one with few', () => {
    const queue = queueOf(...many('n1', 'a', 3), ...many('n1', 'b', 1), ...many('n2', 'c', 2));
    expect(queue.push(new Request('n2', 'd', 0), 6)?.name).toBe('a2');
    expect(queue.push(new Request('n3', 'e', 0), 6)?.name).toBe('a1');
    expect(queue.push(new Request('n3', 'e', 1), 6)?.name).toBe('c1');
    expect(namesOf(queue.takeAll())).toBe('a0 c0 e0 b0 d0 e1');
  });

  it('leave when they end by themselves', () => {
    const [first, second] = many('n1', 'a', 2) as [Request, Request];
    const queue = queueOf(first, second);
    queue.remove(first);
    queue.remove(first);
    expect([queue.length, namesOf(queue.takeAll())]).toEqual([1, 'a1']);
  });
});

it('takes clients of one IPv6 network for one, and IPv4 in IPv6 for what it is', () => {
  expect(clientGroup('192.0.2.7')).toBe('192.0.2.7');
  expect(clientGroup('::ffff:192.0.2.7')).toBe('192.0.2.7');
  expect(clientGroup('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2');
  expect(clientGroup('2001:db8::5')).toBe(clientGroup('2001:db8::6'));
  expect(clientGroup('::1')).toBe('0:0:0:0');
});

describe('the last places at a shard', () => {
  const PLACES = 160;
  const take = (open: Request[], client: Request): boolean => {
    const shares = new ClientShares((visit) => {
      for (const each of open) visit(each);
    });
    return shares.allows(client, open.length, PLACES, 0);
  };

  it('are kept from one client with few connections that has all others, and given to another one', () => {
    const open = ['a', 'b', 'c', 'd'].flatMap((connection) => many('n1', connection, 35));
    expect(ClientShares.isScarce(open.length, PLACES)).toBe(true);
    expect(take(open, new Request('n1', 'a', 99))).toBe(false);
    expect(take(open, new Request('n1', 'other', 0))).toBe(true);
    expect(take(open, new Request('n2', 'other', 0))).toBe(true);
  });

  it('are left for the next connection of an address of which some take all they can, and the first most of it', () => {
    const open = [...many('n1', 'a', 100), ...many('n1', 'b', 38), ...many('n1', 'c', 1), ...many('n1', 'd', 1)];
    for (let taken = true; taken; ) {
      taken = false;
      for (const connection of ['a', 'b', 'c', 'd']) {
        const request = new Request('n1', connection, open.length);
        if (!take(open, request)) continue;
        open.push(request);
        taken = true;
      }
    }
    expect(open.length).toBeGreaterThan(140);
    expect(take(open, new Request('n1', 'other', 0))).toBe(true);
    expect(take(open, new Request('n2', 'other', 0))).toBe(true);
  });

  it('are kept in part from one client with many connections', () => {
    const open = Array.from({ length: 150 }, (_, i) => new Request('n1', `c${i}`, 0));
    expect(take(open, new Request('n1', 'new', 0))).toBe(false);
    expect(take(open, new Request('n2', 'new', 0))).toBe(true);
  });

  it('cost no check while there are plenty', () => {
    expect(ClientShares.isScarce(139, PLACES)).toBe(false);
  });
});
