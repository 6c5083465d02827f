import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { field, HeaderBlock } from '../http/index.ts';
import { GrpcWebTranslation } from './grpc-web.ts';

function requestOf(contentType: string): { block: HeaderBlock; translation: GrpcWebTranslation | null } {
  const block = new HeaderBlock();
  block.set([field('content-type', contentType), field('content-length', '8'), field('x-grpc-web', '1')]);
  return { block, translation: GrpcWebTranslation.ofRequest(block) };
}

describe('a call in gRPC-Web', () => {
  it.each([
    ['application/grpc-web', 'application/grpc', 'application/grpc-web+proto'],
    ['application/grpc-web+proto', 'application/grpc+proto', 'application/grpc-web+proto'],
    ['application/grpc-web+json', 'application/grpc+json', 'application/grpc-web+json'],
    ['application/grpc-web-text', 'application/grpc', 'application/grpc-web-text+proto'],
    ['Application/gRPC-Web-Text+proto', 'application/grpc+proto', 'application/grpc-web-text+proto'],
  ])('%s is %s to its shard, and its answer %s', (asked, sent, answered) => {
    const { block, translation } = requestOf(asked);
    expect(block.get('content-type')).toBe(sent);
    expect(block.get('te')).toBe('trailers');
    expect(block.get('content-length')).toBeUndefined();
    block.set([field(':status', '200'), field('content-type', 'application/grpc')]);
    translation?.responseHead(block);
    expect(block.get('content-type')).toBe(answered);
  });

  it.each(['application/grpc', 'application/grpc-webx', 'application/json'])('%s is none', (contentType) => {
    const { block, translation } = requestOf(contentType);
    expect(translation).toBeNull();
    expect(block.get('content-type')).toBe(contentType);
  });

  it('is decoded from base64 whatever the pieces that it comes in, padded messages one after the other', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 30 }), { maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 60 }),
        (messages, sizes) => {
          const { translation } = requestOf('application/grpc-web-text');
          const text = Buffer.from(messages.map((each) => Buffer.from(each).toString('base64')).join(''), 'latin1');
          const decoded: Uint8Array[] = [];
          let at = 0;
          for (const size of [...sizes, text.length]) {
            const end = Math.min(text.length, at + size);
            decoded.push(new Uint8Array(translation?.requestContent(text, at, end, false) ?? []));
            at = end;
          }
          expect(Buffer.concat(decoded)).toEqual(Buffer.concat(messages));
        },
      ),
    );
  });
});
