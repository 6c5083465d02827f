import { type Field, type HeaderBlock, headerName, transientField } from '../../../http/index.ts';

const REQUEST_ID = headerName('x-request-id');
const HEX = '0123456789abcdef';

/** Gives requests an id by which logs of several programs can be put together. */
export class RequestIds {
  readonly #always: boolean;
  readonly #random: () => number;

  constructor(always: boolean, random: () => number) {
    this.#always = always;
    this.#random = random;
  }

  /** Puts an id in, where one is missing or none is believed. */
  apply(block: HeaderBlock): void {
    for (let i = block.count - 1; i >= 0; i--) {
      if ((block.fields[i] as Field).name !== REQUEST_ID) continue;
      if (!this.#always) return;
      block.remove(i);
    }
    block.push(transientField(REQUEST_ID.text, this.#make()));
  }

  /** In the form of a UUID of version 4 (RFC 9562, 5.4). It names and protects nothing, so that it need not be unguessable. */
  #make(): string {
    let text = '';
    for (let i = 0; i < 36; i++) {
      if (i === 8 || i === 13 || i === 18 || i === 23) text += '-';
      else if (i === 14) text += '4';
      else {
        const digit = Math.floor(this.#random() * 16);
        text += HEX[i === 19 ? (digit & 3) | 8 : digit];
      }
    }
    return text;
  }
}
