import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { huffmanDecode, huffmanEncode, huffmanLength } from '../../http/fields/huffman.ts';
import { integerEnd, readInteger, writeInteger } from '../../http/fields/integer.ts';
import { type Field, FieldCache, field, HeaderBlock, headerName, peerName, transientField } from '../../http/index.ts';
import { HpackDecoder } from './decoder.ts';
import { HpackEncoder } from './encoder.ts';

const LIST_LIMIT = 65536;
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const entries = (block: HeaderBlock): string[] => block.copy().map((each) => `${each.name.text}: ${each.text}`);

function decode(decoder: HpackDecoder, bytes: Uint8Array): string[] | null {
  const block = new HeaderBlock();
  return decoder.decode(bytes, 0, bytes.length, block) ? entries(block) : null;
}

function encode(encoder: HpackEncoder, fields: readonly Field[]): Uint8Array {
  const block = new HeaderBlock();
  block.set(fields);
  const into = new Uint8Array(block.wireBound + 64);
  return into.slice(0, encoder.encode(block, into, 0));
}

const newDecoder = (tableSize = 4096, listLimit = LIST_LIMIT): HpackDecoder =>
  new HpackDecoder(new FieldCache(), tableSize, listLimit);

describe('huffman', () => {
  it('gives back any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const coded = new Uint8Array(huffmanLength(bytes, 0, bytes.length));
        expect(huffmanEncode(bytes, 0, bytes.length, coded, 0)).toBe(coded.length);
        const decoded = new Uint8Array(bytes.length + 8);
        expect(huffmanDecode(coded, 0, coded.length, decoded)).toBe(bytes.length);
        expect(decoded.subarray(0, bytes.length)).toEqual(bytes);
      }),
    );
  });

  it('codes the example of RFC 7541, C.4.1', () => {
    const text = Buffer.from('www.example.com');
    const coded = new Uint8Array(12);
    huffmanEncode(text, 0, text.length, coded, 0);
    expect(coded).toEqual(hex('f1e3 c2e5 f23a 6ba0 ab90 f4ff'));
  });

  it('refuses padding that is longer than 7 bits, that is not of ones, and EOS', () => {
    const into = new Uint8Array(16);
    expect(huffmanDecode(hex('ff'), 0, 1, into)).toBe(-1);
    expect(huffmanDecode(hex('1b'), 0, 1, into)).toBe(-1);
    expect(huffmanDecode(hex('3fffffff'), 0, 4, into)).toBe(-1);
  });
});

describe('integers', () => {
  it('are read as they were written', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 28 }), fc.integer({ min: 1, max: 7 }), (value, bits) => {
        const bytes = new Uint8Array(8);
        const end = writeInteger(value, bits, 0, bytes, 0);
        expect(readInteger(bytes, 0, end, bits)).toBe(value);
        expect(integerEnd).toBe(end);
      }),
    );
  });

  it('are refused where they are cut off or too large', () => {
    expect(readInteger(hex('1f'), 0, 1, 5)).toBe(-1);
    expect(readInteger(hex('1f ff ff ff ff ff ff ff 0f'), 0, 9, 5)).toBe(-1);
  });
});

describe('decoder', () => {
  it('reads the requests of RFC 7541, C.3, which share a table', () => {
    const decoder = newDecoder();
    expect(decode(decoder, hex('8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d'))).toEqual([
      ':method: GET',
      ':scheme: http',
      ':path: /',
      ':authority: www.example.com',
    ]);
    expect(decode(decoder, hex('8286 84be 5808 6e6f 2d63 6163 6865'))).toEqual([
      ':method: GET',
      ':scheme: http',
      ':path: /',
      ':authority: www.example.com',
      'cache-control: no-cache',
    ]);
    expect(decode(decoder, hex('8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65'))).toEqual([
      ':method: GET',
      ':scheme: https',
      ':path: /index.html',
      ':authority: www.example.com',
      'custom-key: custom-value',
    ]);
  });

  it('reads the responses of RFC 7541, C.6, whose table of 256 bytes evicts', () => {
    const decoder = newDecoder(256);
    const first = hex(
      '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
    );
    expect(decode(decoder, first)).toEqual([
      ':status: 302',
      'cache-control: private',
      'date: Mon, 21 Oct 2013 20:13:21 GMT',
      'location: https://www.example.com',
    ]);
    expect(decode(decoder, hex('4883 640e ffc1 c0bf'))).toEqual([
      ':status: 307',
      'cache-control: private',
      'date: Mon, 21 Oct 2013 20:13:21 GMT',
      'location: https://www.example.com',
    ]);
  });

  it('refuses an index that stands for nothing, and a table size that was not allowed', () => {
    expect(decode(newDecoder(), hex('80'))).toBeNull();
    expect(decode(newDecoder(), hex('be'))).toBeNull();
    expect(decode(newDecoder(), hex('3fe2 1f'))).toBeNull();
    expect(decode(newDecoder(), hex('82 20'))).toBeNull();
  });

  it('follows the table through a list that is too large, and says so', () => {
    const decoder = newDecoder(4096, 100);
    const encoder = new HpackEncoder();
    const large = encode(encoder, [field('x-large', 'y'.repeat(200)), field('x-small', 'z')]);
    const block = new HeaderBlock();
    expect(decoder.decode(large, 0, large.length, block)).toBe(true);
    expect(block.tooLarge).toBe(true);
    const small = encode(encoder, [field('x-small', 'z')]);
    expect(decode(decoder, small)).toEqual(['x-small: z']);
  });

  it('survives any bytes', () => {
    const decoder = newDecoder();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        decode(decoder, bytes);
      }),
      { numRuns: 2000 },
    );
  });
});

const names = fc.constantFrom(':path', 'x-shard-key', 'content-type', 'grpc-status', 'x-a', 'x-b', 'cookie');
const values = fc.oneof(fc.constantFrom('', 'a', '0', 'application/grpc'), fc.string({ maxLength: 60 }));
const fieldLists = fc.array(
  fc.array(fc.tuple(names, values, fc.constantFrom('kept', 'transient', 'never')), { maxLength: 12 }),
  { maxLength: 20 },
);

function make([name, value, kind]: [string, string, string]): Field {
  const latin1 = Buffer.from(value, 'utf8').toString('latin1');
  if (kind === 'transient') return transientField(name, latin1);
  return field(name, latin1, { neverIndexed: kind === 'never' });
}

describe('encoder', () => {
  it('writes blocks that the decoder reads back, through changes of the table size', () => {
    fc.assert(
      fc.property(fieldLists, fc.array(fc.nat({ max: 5000 }), { maxLength: 20 }), (lists, sizes) => {
        const encoder = new HpackEncoder();
        const decoder = newDecoder();
        lists.forEach((list, i) => {
          const size = sizes[i];
          if (size !== undefined) encoder.setTableSize(size);
          const fields = list.map(make);
          expect(decode(decoder, encode(encoder, fields))).toEqual(
            fields.map((each) => `${each.name.text}: ${each.text}`),
          );
        });
      }),
    );
  });

  it('forwards fields through two hops unchanged, and keeps what must never be indexed so', () => {
    fc.assert(
      fc.property(fieldLists, (lists) => {
        const first = new HpackEncoder();
        const second = new HpackEncoder();
        const middle = newDecoder();
        const last = newDecoder();
        for (const list of lists) {
          const fields = list.map(make);
          const coded = encode(first, fields);
          const passing = new HeaderBlock();
          expect(middle.decode(coded, 0, coded.length, passing)).toBe(true);
          passing.copy().forEach((each, i) => {
            expect(each.neverIndexed).toBe(fields[i]?.neverIndexed === true && fields[i]?.staticIndex === 0);
          });
          expect(decode(last, encode(second, passing.copy()))).toEqual(
            fields.map((each) => `${each.name.text}: ${each.text}`),
          );
        }
      }),
    );
  });

  it('gives a place in the table only to a field that its sender has referred to', () => {
    const sender = new HpackEncoder();
    const decoder = newDecoder();
    const forwarder = new HpackEncoder();
    const token = field('x-token', 'abcdefghijklmnopqrstuvwxyz');
    const forward = (): number => {
      const coded = encode(sender, [token]);
      const block = new HeaderBlock();
      decoder.decode(coded, 0, coded.length, block);
      return encode(forwarder, block.copy()).length;
    };
    // The sender puts it into its table; refers to it, so that we put it into ours; and from then on it is a byte.
    expect(forward()).toBeGreaterThan(10);
    expect(forward()).toBeGreaterThan(10);
    expect(forward()).toBe(1);
  });

  it('refers to whatever its table holds by index, and to nothing else, while entries come and go', () => {
    const fields = Array.from({ length: 300 }, (_, i) => field('x-many', `value ${i}`));
    const encoder = new HpackEncoder();
    const decoder = newDecoder();
    let state = 1;
    const inTable: Field[] = [];
    for (let i = 0; i < 5000; i++) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      const each = fields[Math.floor((state / 2 ** 32) ** 2 * fields.length)] as Field;
      const coded = encode(encoder, [each]);
      expect(decode(decoder, coded)).toEqual([`x-many: ${each.text}`]);
      expect(coded.length <= 2).toBe(inTable.includes(each));
      if (!inTable.includes(each)) inTable.unshift(each);
      inTable.length = tableCount(inTable);
    }
  });

  it('shares no note of a field with other encoders', () => {
    const lasting = field('x-lasting', 'value');
    for (let i = 0; i < 5; i++) {
      const encoder = new HpackEncoder();
      const decoder = newDecoder();
      expect(decode(decoder, encode(encoder, [lasting]))).toEqual(['x-lasting: value']);
      expect(decode(decoder, encode(encoder, [lasting]))).toEqual(['x-lasting: value']);
    }
  });
});

/** How many of these, the newest first, a table of 4,096 bytes has room for. */
function tableCount(newestFirst: readonly Field[]): number {
  let size = 0;
  const beyond = newestFirst.findIndex((each) => {
    size += each.size;
    return size > 4096;
  });
  return beyond < 0 ? newestFirst.length : beyond;
}

describe('names', () => {
  it('that peers send are forgotten when others have come, and our own stay', () => {
    const own = headerName('x-own-name');
    const once = peerName('x-once');
    const often = peerName('x-often');
    for (let i = 0; i < 5000; i++) {
      peerName(`x-other-${i}`);
      if (i % 100 === 0) expect(peerName('x-often')).toBe(often);
    }
    expect(peerName('x-once')).not.toBe(once);
    expect(peerName('x-own-name')).toBe(own);
    expect(headerName('x-often')).toBe(often);
    const long = 'x'.repeat(1000);
    expect(peerName(long)).not.toBe(peerName(long));
  });
});
