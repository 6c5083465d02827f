import { FrameType } from '../../src/http2/frames.ts';
import { frame, headerBlock, word } from '../support/raw-peer.ts';
import type { ClientScript, Dice, Shape } from './shape.ts';
import {
  type Aim,
  cut,
  data,
  END_HEADERS,
  END_STREAM,
  idOf,
  literal,
  request,
  requestFields,
  SHAPE_BYTES,
  setting,
  upTo,
} from './wire.ts';

const OK = (id: number): Buffer => frame(FrameType.Headers, END_HEADERS | END_STREAM, id, Buffer.from([0x88]));

function shape(kind: string, detail: string, script: Partial<ClientScript> & { pieces: Buffer[] }, count = 1): Shape {
  const client = { reads: true, streams: 0, ...script };
  return { kind, detail, clients: new Array(count).fill(client), answer: null, http1Answer: null };
}

/** Content that its shard does not take. */
export function content(dice: Dice): Shape {
  const aim = dice.oneOf<Aim>('http2', 'http1');
  const size = dice.oneOf(0, 1, 1, dice.size(16_000));
  const padding = dice.oneOf(-1, -1, 0, dice.size(255));
  const streams = dice.between(1, 20);
  const length: ReadonlyArray<readonly [string, string]> =
    aim === 'http1' && dice.between(0, 1) === 1 ? [['content-length', '65536']] : [];
  const heads = Array.from({ length: streams }, (_, i) => request(idOf(i), aim, 'POST', length));
  const frames = upTo(SHAPE_BYTES, (i) => data(idOf(i % streams), size, padding));
  const detail = `${streams} streams to ${aim}, frames of ${size}, padding ${padding}`;
  return shape('DATA that waits for its shard', detail, { pieces: [...heads, frames], streams });
}

/** Requests that stay open, or are answered, or refused; with fields of all kinds. */
export function requests(dice: Dice): Shape {
  const aim = dice.oneOf<Aim>('http2', 'http1', 'nobody');
  const first = dice.oneOf(0, 0x10, 0x40);
  const count = dice.size(60);
  const length = dice.size(2000);
  const head = headerBlock(requestFields(aim, 'GET'));
  const isOpen = aim !== 'nobody' && dice.between(0, 1) === 1;
  const frames = upTo(isOpen ? 20_000 : SHAPE_BYTES, (i) => {
    const more = Array.from({ length: count }, (_, j) => literal(`x-${i % 7}-${j}`, `${i}`.padEnd(length, 'v'), first));
    const block = Buffer.concat([head, ...more]).subarray(0, 16_384);
    const whole = Buffer.concat([head, ...more]).length === block.length ? block : head;
    return frame(FrameType.Headers, END_HEADERS | END_STREAM, idOf(i), whole);
  });
  const detail = `to ${aim}, ${count} fields of ${length} bytes, as ${first}, ${isOpen ? 'open' : 'answered'}`;
  const streams = isOpen ? 300 : 0;
  const shardConnections = aim === 'http1' ? streams : 0;
  const made = shape('requests', detail, { pieces: [frames], streams, shardConnections });
  return { ...made, answer: isOpen ? null : OK, http1Answer: isOpen ? null : HTTP1_OK };
}

const HTTP1_OK = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');

/** Requests that refer to what an earlier one said: a few bytes each. */
export function indexedRequests(dice: Dice): Shape {
  const fields = dice.between(0, 60);
  const head = headerBlock(requestFields('nobody', 'GET'));
  const known = Array.from({ length: fields }, (_, i) => literal(`x-${i}`, 'v', 0x40));
  const first = frame(FrameType.Headers, END_HEADERS | END_STREAM, 1, Buffer.concat([head, ...known]));
  const times = dice.size(400);
  const again = Buffer.alloc(fields === 0 ? 0 : times, 0xbe);
  const rest = upTo(SHAPE_BYTES / 4, (i) =>
    frame(FrameType.Headers, END_HEADERS | END_STREAM, idOf(i + 1), Buffer.concat([head, again])),
  );
  return shape('requests by index', `${fields} fields known, ${times} times one of them`, { pieces: [first, rest] });
}

/** Header blocks and frames whose end does not come. */
export function unfinished(dice: Dice): Shape {
  const block = Buffer.alloc(dice.size(16_384), 0x88);
  const type = dice.between(0, 12);
  const flags = dice.oneOf(0, END_HEADERS, 8, 32);
  const bytes = dice.oneOf(
    frame(type, flags, 1, block).subarray(0, dice.between(1, 9 + block.length)),
    Buffer.concat([
      frame(FrameType.Headers, 0, 1, headerBlock(requestFields('http2', 'GET'))),
      ...Array.from({ length: dice.between(0, 15) }, () =>
        frame(FrameType.Continuation, 0, 1, block.subarray(0, 4000)),
      ),
    ]),
  );
  const count = dice.between(1, 20);
  const detail = `${count} times type ${bytes[3]}, ${bytes.length} bytes`;
  return shape('frames and blocks without an end', detail, { pieces: cut(bytes, dice.oneOf(1000, 20_000)) }, count);
}

/** Frames that carry no message, of all types, on streams that are open, closed or idle. */
export function control(dice: Dice): Shape {
  const open = dice.size(900);
  const some = (): number => idOf(dice.between(0, open));
  const makers: Record<string, () => Buffer> = {
    PING: () => frame(FrameType.Ping, dice.oneOf(0, 1), 0, Buffer.alloc(8)),
    SETTINGS: () => setting(dice.between(1, 9), dice.oneOf(0, 1, 100, 16_384, 65_535)),
    'the initial window': () => setting(4, dice.between(0, 100_000)),
    'the table size': () => setting(1, dice.oneOf(0, 100, 4096, 65_536)),
    PRIORITY: () => frame(FrameType.Priority, 0, some(), Buffer.alloc(5)),
    'WINDOW_UPDATE of the connection': () => frame(FrameType.WindowUpdate, 0, 0, word(1)),
    'WINDOW_UPDATE of streams': () => frame(FrameType.WindowUpdate, 0, some(), word(1)),
    GOAWAY: () => frame(FrameType.Goaway, 0, 0, Buffer.alloc(8)),
    RST_STREAM: () => frame(FrameType.RstStream, 0, some(), word(8)),
    'unknown frames': () => frame(dice.between(10, 255), dice.between(0, 255), some(), Buffer.alloc(dice.size(300))),
    'DATA of no stream': () => data(some(), dice.size(100), -1),
    'empty DATA': () => data(some(), 0, dice.oneOf(-1, 0, 30)),
  };
  const name = dice.oneOf(...Object.keys(makers));
  const heads = Array.from({ length: open }, (_, i) => request(idOf(i), 'http2', 'POST'));
  const frames = upTo(SHAPE_BYTES, () => (makers[name] as () => Buffer)());
  return shape('frames without a message', `${name}, ${open} streams open`, {
    pieces: [...heads, frames],
    streams: open,
  });
}

/** Answers that the client's windows, or its socket, do not take. */
export function unread(dice: Dice): Shape {
  const streams = dice.between(1, 100);
  const size = dice.oneOf(1, dice.size(16_000));
  const share = Math.ceil(SHAPE_BYTES / streams / (9 + size));
  const answer = (id: number): Buffer =>
    Buffer.concat([
      frame(FrameType.Headers, END_HEADERS, id, Buffer.from([0x88])),
      ...Array.from({ length: share }, () => data(id, size, -1)),
    ]);
  const reads = dice.between(0, 3) > 0;
  const window = dice.oneOf(0, 1, 100, 65_535);
  const by = dice.oneOf(1, dice.size(300));
  const pieces = [
    setting(4, window),
    ...Array.from({ length: streams }, (_, i) => request(idOf(i), 'http2', 'GET', [], END_HEADERS | END_STREAM)),
    upTo(20_000, (i) => frame(FrameType.WindowUpdate, 0, i % 2 === 0 ? 0 : idOf(i % streams), word(by + 1))),
  ];
  const detail = `${streams} streams, frames of ${size}, window ${window} opened by ${by + 1}, ${reads ? 'read' : 'not read'}`;
  return { ...shape('answers that wait for their client', detail, { pieces, reads, streams }), answer };
}
