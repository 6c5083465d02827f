import { expect, it } from 'vitest';
import { FrontDoors } from '../../core/front-door.ts';
import { httpDoors } from './doors.ts';
import type { DownstreamOwner } from './downstream.ts';

const doors = httpDoors({} as DownstreamOwner);

/** What ALPN calls the door that takes a connection which begins so. */
function doorFor(text: string): string | null {
  const door = new FrontDoors(doors).byFirstBytes(Buffer.from(`--${text}`, 'latin1'), 2, 2 + text.length);
  return door === 'more' ? door : (door?.alpn ?? null);
}

it('recognises HTTP/2 by the beginning of its preface, and takes anything else for HTTP/1.1', () => {
  expect(['PRI * HTTP/2.0\r\n', 'PRI '].map(doorFor)).toEqual(['h2', 'h2']);
  expect(['P', 'PRI'].map(doorFor)).toEqual(['more', 'more']);
  expect(['GET / HTTP/1.1', 'PRIX / HTTP/1.1', 'PUT', '\x16\x03\x01'].map(doorFor)).toEqual(Array(4).fill('http/1.1'));
});
