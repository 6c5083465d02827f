import { expect, it } from 'vitest';
import { enveloped } from './envelope.ts';
import { EnvelopeReader, LineReader } from './envelopes.ts';

it('puts messages together however their bytes come', () => {
  const bytes = Buffer.concat([
    enveloped(Buffer.from('one')),
    enveloped(Buffer.alloc(0)),
    enveloped(Buffer.from('three')),
  ]);
  for (let size = 1; size <= bytes.length; size++) {
    const messages: string[] = [];
    const reader = new EnvelopeReader((_flags, message) => messages.push(Buffer.from(message).toString()));
    // The buffer that bytes are read into is used again.
    const read = Buffer.alloc(size);
    for (let at = 0; at < bytes.length; at += size) {
      const length = bytes.copy(read, 0, at, at + size);
      reader.take(read, 0, length);
      read.fill(0);
    }
    expect(messages).toEqual(['one', '', 'three']);
  }
  expect(() => new EnvelopeReader(() => {}).take(Buffer.from('HTTP/1.1 200 OK'), 0, 15)).toThrow(
    /a message of \d+ bytes/,
  );
});

it('reads lines, and the data of server-sent events', () => {
  const lines: string[] = [];
  const reader = new LineReader((line) => lines.push(line));
  for (const text of ['{"a":1}\n{"b"', ':2}\n\nevent: x\ndata: {"c":3}\n: ping\n', '{"d":4}']) {
    const bytes = Buffer.from(text);
    reader.take(bytes, 0, bytes.length);
  }
  reader.end();
  expect(lines).toEqual(['{"a":1}', '{"b":2}', '{"c":3}', '{"d":4}']);
});
