/**
 * The Huffman code of RFC 7541, Appendix B. The code is canonical (codes of one length count upwards with the symbol),
 * so that the lengths alone give it. Decoding walks a table by half-bytes: no code is shorter than 5 bits, so that half
 * a byte completes one symbol at the most.
 */
// biome-ignore format: 16 lengths a row, as the symbols run; the 257th is EOS.
const LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
];
const EOS = 256;

const codes = new Uint32Array(LENGTHS.length);

// A step's entry: the next state in the low 9 bits, then the symbol, then whether there is one, then whether it is an error.
const STATE_MASK = 0x1ff;
const SYMBOL_SHIFT = 9;
const EMITS = 1 << 17;
const FAILS = 1 << 18;
const MAXIMUM_PADDING_BITS = 7;

const { steps, accepting } = build();

function build(): { steps: Int32Array; accepting: Uint8Array } {
  const symbols = LENGTHS.map((_, symbol) => symbol).sort(
    (a, b) => (LENGTHS[a] as number) - (LENGTHS[b] as number) || a - b,
  );
  let code = -1;
  let length = LENGTHS[symbols[0] as number] as number;
  // A node holds its two children: a node's number, or ~symbol for a leaf.
  const tree: Array<[number, number]> = [[0, 0]];
  for (const symbol of symbols) {
    const symbolLength = LENGTHS[symbol] as number;
    code = (code + 1) * 2 ** (symbolLength - length);
    length = symbolLength;
    codes[symbol] = code;
    insert(tree, code, length, symbol);
  }
  return { steps: stepsOf(tree), accepting: acceptingOf(tree) };
}

function insert(tree: Array<[number, number]>, code: number, length: number, symbol: number): void {
  let node = 0;
  for (let bit = length - 1; bit > 0; bit--) {
    const side = ((code >>> bit) & 1) as 0 | 1;
    const children = tree[node] as [number, number];
    if (children[side] === 0) children[side] = tree.push([0, 0]) - 1;
    node = children[side];
  }
  (tree[node] as [number, number])[(code & 1) as 0 | 1] = ~symbol;
}

function stepsOf(tree: Array<[number, number]>): Int32Array {
  const table = new Int32Array(tree.length * 16);
  for (let state = 0; state < tree.length; state++) {
    for (let nibble = 0; nibble < 16; nibble++) {
      let node = state;
      let entry = 0;
      for (let bit = 3; bit >= 0; bit--) {
        const next = (tree[node] as [number, number])[((nibble >>> bit) & 1) as 0 | 1];
        if (next < 0) {
          // EOS itself may not be sent (RFC 7541, 5.2).
          entry |= ~next === EOS ? FAILS : EMITS | (~next << SYMBOL_SHIFT);
          node = 0;
        } else node = next;
      }
      table[state * 16 + nibble] = entry | node;
    }
  }
  return table;
}

/** A string may end only in fewer than eight 1-bits, the start of EOS (RFC 7541, 5.2). */
function acceptingOf(tree: Array<[number, number]>): Uint8Array {
  const states = new Uint8Array(tree.length);
  let node = 0;
  for (let bits = 0; bits <= MAXIMUM_PADDING_BITS; bits++) {
    states[node] = 1;
    node = (tree[node] as [number, number])[1];
  }
  return states;
}

/**
 * Decodes bytes[start, end) into `into` from its beginning.
 * @returns the decoded length, or -1 where the string is not a valid one. `into` needs room for 8/5 of the input.
 */
export function huffmanDecode(bytes: Uint8Array, start: number, end: number, into: Uint8Array): number {
  let state = 0;
  let length = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    let entry = steps[(state << 4) | (byte >>> 4)] as number;
    if (entry >= EMITS) {
      if (entry >= FAILS) return -1;
      into[length++] = (entry >>> SYMBOL_SHIFT) & 0xff;
    }
    entry = steps[((entry & STATE_MASK) << 4) | (byte & 15)] as number;
    if (entry >= EMITS) {
      if (entry >= FAILS) return -1;
      into[length++] = (entry >>> SYMBOL_SHIFT) & 0xff;
    }
    state = entry & STATE_MASK;
  }
  return accepting[state] === 1 ? length : -1;
}

/** The length of bytes[start, end) once encoded. */
export function huffmanLength(bytes: Uint8Array, start: number, end: number): number {
  let bits = 0;
  for (let at = start; at < end; at++) bits += LENGTHS[bytes[at] as number] as number;
  return (bits + 7) >>> 3;
}

/** Encodes bytes[start, end) into `into` from `at`; answers the end. */
export function huffmanEncode(bytes: Uint8Array, start: number, end: number, into: Uint8Array, at: number): number {
  let out = at;
  let pending = 0;
  let bits = 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    const length = LENGTHS[byte] as number;
    const code = codes[byte] as number;
    // At most 7 bits are pending; a code has up to 30: put it in from the top in two parts to stay within 32 bits.
    const high = length > 16 ? length - 16 : 0;
    if (high > 0) {
      pending = (pending << high) | (code >>> 16);
      bits += high;
      while (bits >= 8) {
        bits -= 8;
        into[out++] = (pending >>> bits) & 0xff;
      }
    }
    pending = (pending << (length - high)) | (code & (high > 0 ? 0xffff : 0xffffffff));
    bits += length - high;
    while (bits >= 8) {
      bits -= 8;
      into[out++] = (pending >>> bits) & 0xff;
    }
  }
  if (bits > 0) into[out++] = ((pending << (8 - bits)) | (0xff >>> bits)) & 0xff;
  return out;
}
