import { HeadedTracker } from './message-tracker.ts';

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
    at += head + lengthIn(bytes, at, second);
  }
  return at === end;
}

function headBytes(second: number): number {
  return 2 + extendedBytes(second) + (second >= MASKED ? MASK_BYTES : 0);
}

/** How many bytes of the head hold the length; 0: it stands in the second byte. */
function extendedBytes(second: number): number {
  const short = second & LENGTH;
  return short === SIXTEEN_BITS ? 2 : short === SIXTY_FOUR_BITS ? 8 : 0;
}

function lengthIn(bytes: Uint8Array, at: number, second: number): number {
  const extended = extendedBytes(second);
  if (extended === 0) return second & LENGTH;
  let length = 0;
  for (let i = 0; i < extended; i++) length = length * 256 + (bytes[at + 2 + i] as number);
  return length;
}

/**
 * Follows the frames of one side of a WebSocket, to know whether it stands between two of them. There a control frame may be put, also
 * between the frames of one message (RFC 6455, 5.4).
 */
export class FrameTracker extends HeadedTracker {
  #second = 0;
  #length = 0;

  protected override onHeadByte(byte: number, index: number): number {
    if (index === 0) this.#length = 0;
    else if (index === 1) this.#second = byte;
    else if (index < 2 + extendedBytes(this.#second)) this.#length = this.#length * 256 + byte;
    if (index < 1 || index + 1 < headBytes(this.#second)) return -1;
    return extendedBytes(this.#second) === 0 ? this.#second & LENGTH : this.#length;
  }
}
