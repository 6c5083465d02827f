import { content, control, indexedRequests, requests, unfinished, unread } from './client-shapes.ts';
import { http1Content, http1Unfinished, sentAhead } from './http1-shapes.ts';
import type { Cost, Rig } from './rig.ts';
import type { Dice, Shape } from './shape.ts';
import { hostileHttp1Shard, hostileShard } from './shard-shapes.ts';
import { END_HEADERS, END_STREAM, idOf, request, SHAPE_BYTES, upTo } from './wire.ts';

/** Each makes a shape of its kind by chance. */
export const kinds: ReadonlyArray<(dice: Dice) => Shape> = [
  content,
  requests,
  indexedRequests,
  unfinished,
  control,
  unread,
  sentAhead,
  http1Content,
  http1Unfinished,
  hostileShard,
  hostileHttp1Shard,
];

/** Requests as clients send them, that are answered: what the CPU of all others is compared with. */
const plain: Shape = {
  kind: 'plain requests',
  detail: '',
  clients: [
    {
      pieces: [
        upTo(SHAPE_BYTES, (i) =>
          request(idOf(i), 'nobody', 'GET', [['user-agent', 'a client as there are many']], END_HEADERS | END_STREAM),
        ),
      ],
      reads: true,
      streams: 0,
    },
  ],
  answer: null,
  http1Answer: null,
};

/** What a byte of plain requests takes of CPU, in microseconds: the middle of several. */
export async function plainUsPerByte(rig: Rig): Promise<number> {
  const costs: number[] = [];
  for (let i = 0; i < 5; i++) {
    const { cpuUs, cameBytes } = await rig.measure(plain);
    costs.push(cpuUs / cameBytes);
  }
  return costs.sort((a, b) => a - b)[2] as number;
}

/** Measures so many shapes, of all kinds in turn. Each is measured anew where it seems to cost too much: what is no accident does so again. */
export async function measureShapes(
  rig: Rig,
  dice: Dice,
  count: number,
  isTooMuch: (cost: Cost) => boolean,
): Promise<Cost[]> {
  const costs: Cost[] = [];
  for (let i = 0; i < count; i++) {
    const shape = (kinds[i % kinds.length] as (dice: Dice) => Shape)(dice);
    let cost = await rig.measure(shape);
    for (let again = 0; again < 2 && isTooMuch(cost); again++) {
      const other = await rig.measure(shape);
      cost = {
        ...other,
        keptBytes: Math.min(cost.keptBytes, other.keptBytes),
        cpuUs: Math.min(cost.cpuUs, other.cpuUs),
      };
    }
    costs.push(cost);
  }
  return costs;
}
