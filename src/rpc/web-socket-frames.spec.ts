import { expect, it } from 'vitest';
import { areWholeFrames, closeFrame, FrameTracker, SERVICE_RESTART } from './web-socket-frames.ts';

/** A frame of so many bytes of content; masked ones come from clients. */
function frame(length: number, isMasked = false): Buffer {
  const mask = isMasked ? 0x80 : 0;
  const head =
    length < 126
      ? Buffer.from([0x82, mask | length])
      : length < 2 ** 16
        ? Buffer.from([0x82, mask | 126, length >> 8, length & 0xff])
        : Buffer.from([
            0x82,
            mask | 127,
            0,
            0,
            0,
            0,
            length >>> 24,
            (length >> 16) & 0xff,
            (length >> 8) & 0xff,
            length & 0xff,
          ]);
  return Buffer.concat([head, Buffer.alloc(isMasked ? 4 : 0, 0xff), Buffer.alloc(length, 0xff)]);
}

const FRAMES = [frame(0), frame(5), frame(125, true), frame(126), frame(65_535, true), frame(70_000), frame(0, true)];

it.each([1, 2, 3, 7, 4096, 1_000_000])('finds boundaries of frames that come in parts of %i bytes', (size) => {
  const all = Buffer.concat(FRAMES);
  const boundaries = FRAMES.map((_, i) => Buffer.concat(FRAMES.slice(0, i + 1)).length);
  const tracker = new FrameTracker();
  const first: number[] = [];
  const ends: number[] = [];
  for (let at = 0; at < all.length; at += size) {
    const end = Math.min(all.length, at + size);
    const boundary = tracker.follow(all, at, end);
    if (boundary >= 0) first.push(boundary);
    if (tracker.betweenMessages) ends.push(end);
  }
  // Of each part the first one, and whether it ends at one.
  const inParts = Map.groupBy(boundaries, (each) => Math.ceil(each / size));
  expect(first).toEqual([...inParts.values()].map(([each]) => each));
  expect(ends).toEqual(boundaries.filter((each) => each % size === 0 || each === all.length));
});

it('sees at a glance whether bytes are whole frames', () => {
  const all = Buffer.concat(FRAMES);
  expect(areWholeFrames(all, 0, all.length)).toBe(true);
  expect(areWholeFrames(all, 0, all.length - 1)).toBe(false);
  expect(areWholeFrames(all, 0, 1)).toBe(false);
  expect(areWholeFrames(all, 0, 0)).toBe(true);
});

it('closes with a code and a reason, which is cut between two characters', () => {
  const short = closeFrame(SERVICE_RESTART, 'the key moves');
  expect([short[0], short[1], short.readUInt16BE(2), short.toString('utf8', 4)]).toEqual([
    0x88,
    15,
    1012,
    'the key moves',
  ]);
  const long = closeFrame(SERVICE_RESTART, 'é'.repeat(100));
  expect([long[1], long.toString('utf8', 4)]).toEqual([124, 'é'.repeat(61)]);
  expect(areWholeFrames(long, 0, long.length)).toBe(true);
});
