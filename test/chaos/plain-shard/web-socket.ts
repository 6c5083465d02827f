const FINAL_TEXT = 0x81;
const LONGEST_SHORT = 125;
const SIXTEEN_BITS = 126;
const SIXTY_FOUR_BITS = 127;

/** A text message in one frame, as a server sends it (RFC 6455, 5.2). */
export function textFrame(text: string): Buffer {
  const content = Buffer.from(text);
  const head = Buffer.alloc(10);
  head[0] = FINAL_TEXT;
  if (content.length <= LONGEST_SHORT) {
    head[1] = content.length;
    return Buffer.concat([head.subarray(0, 2), content]);
  }
  if (content.length < 2 ** 16) {
    head[1] = SIXTEEN_BITS;
    head.writeUInt16BE(content.length, 2);
    return Buffer.concat([head.subarray(0, 4), content]);
  }
  head[1] = SIXTY_FOUR_BITS;
  head.writeBigUInt64BE(BigInt(content.length), 2);
  return Buffer.concat([head, content]);
}
