import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readProxyHeader } from './proxy-protocol.ts';

const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
const header = (command: number, family: number, rest: readonly number[]): Buffer =>
  Buffer.from([...SIGNATURE, command, family, rest.length >> 8, rest.length & 0xff, ...rest]);
const PORTS = [0x1f, 0x90, 0, 80];

describe('a PROXY protocol header', () => {
  it('names the client, by IPv4 and IPv6, whatever else it contains', () => {
    const more = [0x03, 0, 1, 7];
    const four = header(0x21, 0x11, [192, 0, 2, 7, 10, 0, 0, 1, ...PORTS, ...more]);
    expect(readProxyHeader(four)).toEqual({ kind: 'complete', length: 32, client: '192.0.2.7' });
    const address = [0x20, 1, 0x0d, 0xb8, ...new Array(11).fill(0), 1];
    const six = header(0x21, 0x21, [...address, ...address, ...PORTS]);
    expect(readProxyHeader(six)).toEqual({ kind: 'complete', length: 52, client: '2001:db8::1' });
  });

  it('names no client for the load balancer’s own connections, and for unsupported address families', () => {
    expect(readProxyHeader(header(0x20, 0, []))).toEqual({ kind: 'complete', length: 16, client: null });
    expect(readProxyHeader(header(0x21, 0x31, new Array(216).fill(1)))).toMatchObject({
      kind: 'complete',
      client: null,
    });
  });

  it('is malformed with another signature or command, an address that is cut off, or too long', () => {
    for (const wrong of [
      Buffer.from('PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n'),
      header(0x22, 0x11, new Array(12).fill(1)),
      header(0x11, 0x11, new Array(12).fill(1)),
      header(0x21, 0x11, [1, 2, 3, 4]),
      header(0x21, 0x21, new Array(12).fill(1)),
      header(0x21, 0x11, new Array(5000).fill(1)),
    ])
      expect(readProxyHeader(wrong)).toMatchObject({ kind: 'malformed' });
  });

  it('is waited for as long as it can still become one, and never makes the reader throw', () => {
    const whole = header(0x21, 0x11, [192, 0, 2, 7, 10, 0, 0, 1, ...PORTS]);
    for (let length = 0; length < whole.length; length++)
      expect(readProxyHeader(whole.subarray(0, length))).toEqual({ kind: 'more' });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.boolean(), (bytes, signed) => {
        readProxyHeader(Buffer.from(signed ? [...SIGNATURE, ...bytes] : bytes));
      }),
    );
  });
});
