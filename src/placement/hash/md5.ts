/**
 * MD5 (RFC 1321) of a short message, for ketama look-ups only: `node:crypto` allocates a hash object and a buffer per
 * call, and a look-up must not allocate. Not for anything that needs a secure hash.
 */
const SHIFTS = new Uint8Array([7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21]);
const SINES = Int32Array.from({ length: 64 }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32) | 0);

const block = new Int32Array(16);
const blockBytes = new Uint8Array(block.buffer);
let a = 0;
let b = 0;
let c = 0;
let d = 0;

function mixed(i: number, x: number, y: number, z: number): number {
  if (i < 16) return (x & y) | (~x & z);
  if (i < 32) return (z & x) | (~z & y);
  if (i < 48) return x ^ y ^ z;
  return y ^ (x | ~z);
}

function wordIndex(i: number): number {
  if (i < 16) return i;
  if (i < 32) return (5 * i + 1) & 15;
  if (i < 48) return (3 * i + 5) & 15;
  return (7 * i) & 15;
}

function compress(): void {
  const a0 = a;
  const b0 = b;
  const c0 = c;
  const d0 = d;
  for (let i = 0; i < 64; i++) {
    const sum = (a + mixed(i, b, c, d) + (SINES[i] as number) + (block[wordIndex(i)] as number)) | 0;
    const shift = SHIFTS[((i >> 4) << 2) | (i & 3)] as number;
    a = d;
    d = c;
    c = b;
    b = (b + ((sum << shift) | (sum >>> (32 - shift)))) | 0;
  }
  a = (a + a0) | 0;
  b = (b + b0) | 0;
  c = (c + c0) | 0;
  d = (d + d0) | 0;
}

/** The first 32 bits of the MD5 digest of bytes[start, end), little-endian and unsigned: ketama's place on the ring. */
export function md5First32(bytes: Uint8Array, start: number, end: number): number {
  a = 0x67452301;
  b = 0xefcdab89 | 0;
  c = 0x98badcfe | 0;
  d = 0x10325476;
  let at = start;
  for (; at + 64 <= end; at += 64) {
    for (let i = 0; i < 64; i++) blockBytes[i] = bytes[at + i] as number;
    compress();
  }
  const rest = end - at;
  block.fill(0);
  for (let i = 0; i < rest; i++) blockBytes[i] = bytes[at + i] as number;
  blockBytes[rest] = 0x80;
  if (rest >= 56) {
    compress();
    block.fill(0);
  }
  // The length in bits; a key is far below 2^29 bytes, so that the upper word stays 0.
  block[14] = (end - start) << 3;
  compress();
  return a >>> 0;
}
