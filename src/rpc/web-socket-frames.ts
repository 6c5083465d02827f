import type { MessageTracker } from './envelope-tracker.ts';

/** In the second byte of a frame's head: whether its content is masked, and the content's length (RFC 6455, 5.2). */
const MASKED = 0x80;
const LENGTH = 0x7f;
const SIXTEEN_BITS = 126;
const SIXTY_FOUR_BITS = 127;
const MASK_BYTES = 4;
/** FIN, and the opcode of a close frame. */
const CLOSE = 0x88;
/** Content of a control frame (RFC 6455, 5.5). */
const MAX_CONTROL_BYTES = 125;

/** The server restarts; the client comes again after a moment (IANA's registry of WebSocket close codes). */
export const SERVICE_RESTART = 1012;

/** The frame with which a server closes a WebSocket. @param reason for people, cut to what fits */
export function closeFrame(code: number, reason: string): Buffer {
  let text = Buffer.from(reason, 'utf8').subarray(0, MAX_CONTROL_BYTES - 2);
  // A character that does not fit whole is left out.
  if (text.toString('utf8').endsWith('\ufffd'))
    text = Buffer.from(text.toString('utf8').replace(/\ufffd+$/, ''), 'utf8');
  const frame = Buffer.alloc(4 + text.length);
  frame[0] = CLOSE;
  frame[1] = 2 + text.length;
  frame.writeUInt16BE(code, 2);
  frame.set(text, 4);
  return frame;
}

/** Whether bytes[start, end) are whole frames, one after the other. */
export function areWholeFrames(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at + 2 <= end) {
    const second = bytes[at + 1] as number;
    const head = headBytes(second);
    if (at + head > end) return false;
    at += head + lengthIn(bytes, at, second & LENGTH);
  }
  return at === end;
}

function headBytes(second: number): number {
  const short = second & LENGTH;
  const extended = short === SIXTEEN_BITS ? 2 : short === SIXTY_FOUR_BITS ? 8 : 0;
  return 2 + extended + (second >= MASKED ? MASK_BYTES : 0);
}

function lengthIn(bytes: Uint8Array, at: number, short: number): number {
  if (short < SIXTEEN_BITS) return short;
  const digits = short === SIXTEEN_BITS ? 2 : 8;
  let length = 0;
  for (let i = 0; i < digits; i++) length = length * 256 + (bytes[at + 2 + i] as number);
  return length;
}

/**
 * Follows the frames of one side of a WebSocket, to know whether it stands between two of them. There a control frame may be put, also
 * between the frames of one message (RFC 6455, 5.4).
 */
export class FrameTracker implements MessageTracker {
  readonly #head = new Uint8Array(2 + 8 + MASK_BYTES);
  #headLength = 0;
  #remaining = 0;

  get betweenMessages(): boolean {
    return this.#headLength === 0 && this.#remaining === 0;
  }

  follow(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    let boundary = -1;
    while (at < end) {
      if (this.#remaining > 0) {
        const stop = Math.min(end, at + this.#remaining);
        this.#remaining -= stop - at;
        at = stop;
      } else {
        this.#head[this.#headLength++] = bytes[at++] as number;
        const second = this.#head[1] as number;
        if (this.#headLength < 2 || this.#headLength < headBytes(second)) continue;
        this.#remaining = lengthIn(this.#head, 0, second & LENGTH);
        this.#headLength = 0;
      }
      if (boundary < 0 && this.#remaining === 0) boundary = at;
    }
    return boundary;
  }
}
