/** What calls look like inside HTTP: envelopes, statuses, and the dialects gRPC, gRPC-Web, Connect and plain HTTP. */
export { type ClientProtocol, clientProtocolOf } from './client-protocol.ts';
export { enveloped } from './envelope.ts';
export {
  areWholeMessages,
  type Envelopes,
  EnvelopeTracker,
  envelopesIn,
} from './envelope-tracker.ts';
export { EnvelopeReader, LineReader } from './envelopes.ts';
export { encodeGrpcMessage, GRPC_STATUS_NAMES, GrpcStatus, grpcTimeoutMs } from './grpc.ts';
export { GrpcWebTranslation } from './grpc-web.ts';
export { MessageReader } from './message-reader.ts';
export type { MessageTracker } from './message-tracker.ts';
export { areWholeFrames, closeFrame, FrameTracker, SERVICE_RESTART } from './web-socket-frames.ts';
