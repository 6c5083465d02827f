import type { HeaderBlock, Stream } from '../../../http/index.ts';
import type { GrpcWebTranslation } from '../../../rpc/index.ts';
import { applyCors } from '../edge/cors.ts';
import type { ClientNeeds } from './admission.ts';

/** What makes gRPC-Web of an answer; null where it is passed on as it is. */
function translationFor(needs: ClientNeeds | null): GrpcWebTranslation | null {
  const translation = needs?.grpcWeb ?? null;
  return translation?.translatesAnswer === true ? translation : null;
}

/** Makes an answer's header section what its client needs. */
export function adaptHead({ grpcWeb, cors }: ClientNeeds, block: HeaderBlock): void {
  grpcWeb?.responseHead(block);
  if (cors !== null) applyCors(block, cors);
}

/** Sends an answer's content to its client. */
export function passContent(
  downstream: Stream,
  needs: ClientNeeds | null,
  bytes: Uint8Array,
  start: number,
  end: number,
  endStream: boolean,
): void {
  const translation = translationFor(needs);
  if (translation === null) downstream.connection.sendData(downstream, bytes, start, end, endStream);
  else {
    const translated = translation.responseContent(bytes, start, end);
    downstream.connection.sendData(downstream, translated, 0, translated.length, endStream);
  }
}

/** Sends an answer's trailers to its client. */
export function passTrailers(downstream: Stream, needs: ClientNeeds | null, block: HeaderBlock): void {
  const translation = translationFor(needs);
  if (translation === null) downstream.connection.sendTrailers(downstream, block);
  else {
    const last = translation.lastMessage(block);
    downstream.connection.sendData(downstream, last, 0, last.length, true);
  }
}
