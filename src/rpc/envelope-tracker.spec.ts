import fc from 'fast-check';
import { expect, it } from 'vitest';
import { EnvelopeTracker } from './envelope-tracker.ts';

const envelope = (content: Uint8Array): Buffer => {
  const bytes = Buffer.alloc(5 + content.length);
  bytes.writeUInt32BE(content.length, 1);
  bytes.set(content, 5);
  return bytes;
};

it('stands between messages exactly at their ends, whatever the pieces that they come in', () => {
  const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 6 });
  const pieces = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 60 });
  fc.assert(
    fc.property(messages, pieces, fc.boolean(), (contents, sizes, base64) => {
      const tracker = new EnvelopeTracker(base64);
      // In the text form each message is coded, and padded, by itself.
      const coded = contents.map((content) =>
        base64 ? Buffer.from(envelope(content).toString('base64'), 'latin1') : envelope(content),
      );
      const ends = new Set([0]);
      let length = 0;
      for (const each of coded) {
        length += each.length;
        ends.add(length);
      }
      const whole = Buffer.concat(coded);
      let at = 0;
      for (const size of [...sizes, whole.length]) {
        const end = Math.min(whole.length, at + size);
        tracker.follow(whole, at, end);
        at = end;
        if (!base64 || at % 4 === 0) expect(tracker.betweenMessages).toBe(ends.has(at));
        else expect(tracker.betweenMessages).toBe(false);
      }
    }),
  );
});
