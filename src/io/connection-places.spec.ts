import { expect, it } from 'vitest';
import { ConnectionPlaces, processConnections } from './connection-places.ts';

const take = (places: ConnectionPlaces, count: number): boolean[] => Array.from({ length: count }, () => places.take());

it('has as many places as the thread may have, and has them again', () => {
  const places = new ConnectionPlaces(2, null);
  expect(take(places, 3)).toEqual([true, true, false]);
  places.give();
  expect(take(places, 2)).toEqual([true, false]);
});

it('shares what the process may have between its threads', () => {
  const shared = processConnections(3);
  const some = new ConnectionPlaces(2, shared);
  const others = new ConnectionPlaces(5, shared);
  expect(take(some, 3)).toEqual([true, true, false]);
  expect(take(others, 2)).toEqual([true, false]);
  some.give();
  expect(take(others, 2)).toEqual([true, false]);
  expect(shared.open[0]).toBe(3);
});
