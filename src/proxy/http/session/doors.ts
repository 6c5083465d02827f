import type { Claim, FrontDoor } from '../../core/front-door.ts';
import { type DownstreamOwner, DownstreamSession } from './downstream.ts';

/** HTTP/2's preface begins so (RFC 9113, 3.4), and no request of HTTP/1.1 does: there is no method PRI. */
const HTTP2_BEGINNING = Buffer.from('PRI ', 'latin1');

function beginsHttp2(bytes: Uint8Array, start: number, end: number): Claim {
  const length = Math.min(end - start, HTTP2_BEGINNING.length);
  for (let i = 0; i < length; i++) if (bytes[start + i] !== HTTP2_BEGINNING[i]) return 'no';
  return length === HTTP2_BEGINNING.length ? 'yes' : 'more';
}

/** HTTP/2's, and HTTP/1.1's, which takes what begins in any other way: it answers 400 where that is no HTTP. */
export function httpDoors(owner: DownstreamOwner): readonly FrontDoor[] {
  return [
    {
      alpn: 'h2',
      claims: beginsHttp2,
      accept: (accepted) => new DownstreamSession(owner, accepted, 'http2'),
    },
    {
      alpn: 'http/1.1',
      claims: () => 'yes',
      accept: (accepted) => new DownstreamSession(owner, accepted, 'http1'),
    },
  ];
}
