/** A byte of flags and four of length stand before each message (the framing of gRPC, gRPC-Web and Connect). */
export const ENVELOPE_BYTES = 5;

/** A message in its envelope. */
export function enveloped(message: Uint8Array, flags = 0): Buffer {
  const framed = Buffer.alloc(ENVELOPE_BYTES + message.length);
  framed[0] = flags;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, ENVELOPE_BYTES);
  return framed;
}
