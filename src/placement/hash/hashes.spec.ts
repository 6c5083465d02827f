import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc16 } from './crc16.ts';
import { md5First32 } from './md5.ts';
import { murmurHash2 } from './murmur2.ts';
import { type Hash64, modulo, toBigInt } from './u64.ts';
import { xxHash64 } from './xxhash64.ts';

const hash: Hash64 = { hi: 0, lo: 0 };
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

function xx(bytes: Uint8Array, seed = 0): bigint {
  xxHash64(bytes, 0, bytes.length, seed, hash);
  return toBigInt(hash);
}

/** XXH64 as its specification words it, on BigInt: slow and plain, to compare with. */
function specifiedXxHash64(bytes: Uint8Array, seed: bigint): bigint {
  const u64 = (n: bigint): bigint => BigInt.asUintN(64, n);
  const rotate = (n: bigint, bits: bigint): bigint => u64((n << bits) | (n >> (64n - bits)));
  const [p1, p2, p3, p4, p5] = [
    0x9e3779b185ebca87n,
    0xc2b2ae3d27d4eb4fn,
    0x165667b19e3779f9n,
    0x85ebca77c2b2ae63n,
    0x27d4eb2f165667c5n,
  ];
  const round = (acc: bigint, lane: bigint): bigint => u64(rotate(u64(acc + lane * p2), 31n) * p1);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  let acc = u64(seed + p5);
  if (bytes.length >= 32) {
    const lanes = [u64(seed + p1 + p2), u64(seed + p2), seed, u64(seed - p1)];
    for (; at + 32 <= bytes.length; at += 32) {
      for (let lane = 0; lane < 4; lane++)
        lanes[lane] = round(lanes[lane] as bigint, view.getBigUint64(at + lane * 8, true));
    }
    const [a, b, c, d] = lanes as [bigint, bigint, bigint, bigint];
    acc = u64(rotate(a, 1n) + rotate(b, 7n) + rotate(c, 12n) + rotate(d, 18n));
    for (const lane of lanes) acc = u64((acc ^ round(0n, lane)) * p1 + p4);
  }
  acc = u64(acc + BigInt(bytes.length));
  for (; at + 8 <= bytes.length; at += 8)
    acc = u64(rotate(acc ^ round(0n, view.getBigUint64(at, true)), 27n) * p1 + p4);
  if (at + 4 <= bytes.length) {
    acc = u64(rotate(acc ^ u64(BigInt(view.getUint32(at, true)) * p1), 23n) * p2 + p3);
    at += 4;
  }
  for (; at < bytes.length; at++) acc = u64(rotate(acc ^ u64(BigInt(bytes[at] as number) * p5), 11n) * p1);
  acc = u64((acc ^ (acc >> 33n)) * p2);
  acc = u64((acc ^ (acc >> 29n)) * p3);
  return acc ^ (acc >> 32n);
}

describe('xxHash64', () => {
  it('gives the published values', () => {
    expect(xx(bytesOf(''))).toBe(0xef46db3751d8e999n);
    expect(xx(bytesOf('a'))).toBe(0xd24ec4f1a98c6e5bn);
    expect(xx(bytesOf('abc'))).toBe(0x44bc2cf5ad770999n);
  });

  it('agrees with its specification on bytes of any length, for any seed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat({ max: 0xffffffff }), (bytes, seed) => {
        expect(xx(bytes, seed)).toBe(specifiedXxHash64(bytes, BigInt(seed)));
      }),
      { numRuns: 500 },
    );
  });
});

describe('murmurHash2', () => {
  it("gives what libstdc++'s std::hash<std::string> gives", () => {
    // Printed by a program of five lines with g++ 12.
    const expected: ReadonlyArray<readonly [string, bigint]> = [
      ['', 6142509188972423790n],
      ['a', 4993892634952068459n],
      ['foo', 9631199822919835226n],
      ['12345678', 10113836418918046885n],
      ['127.0.0.1:90_0', 5656417760668758976n],
      ['the quick brown fox jumps over', 17803659970106424703n],
    ];
    for (const [text, value] of expected) {
      const bytes = bytesOf(text);
      murmurHash2(bytes, 0, bytes.length, hash);
      expect(toBigInt(hash), text).toBe(value);
    }
  });
});

describe('md5First32', () => {
  it("agrees with Node's MD5", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(md5First32(bytes, 0, bytes.length)).toBe(createHash('md5').update(bytes).digest().readUInt32LE(0));
      }),
    );
  });
});

describe('crc16', () => {
  it('gives the value of the Redis Cluster specification', () => {
    expect(crc16(bytesOf('123456789'), 0, 9)).toBe(0x31c3);
  });
});

describe('modulo', () => {
  it('is exact for every table size', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.integer({ min: 2, max: 5_000_011 }), (n, size) => {
        const parts = { hi: Number(n >> 32n) | 0, lo: Number(n & 0xffffffffn) | 0 };
        expect(BigInt(modulo(parts, size))).toBe(n % BigInt(size));
      }),
    );
  });
});
