import { z } from 'zod';
import { defaultLimits } from '../../http/index.ts';
import { defaultRouterLimits } from '../../proxy/index.ts';
import { count, duration } from './values.ts';

export const limits = z
  .strictObject({
    maxConcurrentStreams: count(1_000_000)
      .default(defaultLimits.maxConcurrentStreams)
      .describe('Streams open at once on a client connection.'),
    maxHeaderListBytes: count(1_048_576)
      .default(defaultLimits.maxHeaderListBytes)
      .describe('Bytes of one header list.'),
    maxContinuations: count(1000)
      .default(defaultLimits.maxContinuations)
      .describe('CONTINUATION frames behind one HEADERS frame.'),
    streamWindowBytes: z
      .int()
      .min(65535)
      .max(2147483647)
      .default(defaultLimits.streamWindowBytes)
      .describe('Flow-control window of a stream.'),
    connectionWindowBytes: z
      .int()
      .min(65535)
      .max(2147483647)
      .default(defaultLimits.connectionWindowBytes)
      .describe('That of a connection.'),
    resetBurst: count(1_000_000).default(defaultLimits.resetBurst).describe('Streams that a client may reset at once.'),
    resetsPerSecond: count(1_000_000)
      .default(defaultLimits.resetsPerSecond)
      .describe('How many more resets it earns a second.'),
    controlFrameBurst: count(10_000_000)
      .default(defaultLimits.controlFrameBurst)
      .describe('PING, SETTINGS and such frames without a message.'),
    controlFramesPerSecond: count(10_000_000)
      .default(defaultLimits.controlFramesPerSecond)
      .describe('How many more it earns a second.'),
    requestHeadTimeoutMs: count(600_000)
      .default(defaultLimits.requestHeadTimeoutMs)
      .describe("Time for a connection's first bytes, the head of an HTTP/1.1 request, or a header block of HTTP/2."),
    stalledWindowMs: count(3_600_000)
      .default(defaultLimits.stalledWindowMs)
      .describe('How long output waits for a window that does not move.'),
    maxUnsentBytes: count(2147483647)
      .default(defaultLimits.maxUnsentBytes)
      .describe('Output kept for a client that does not read.'),
    maxBacklogBytes: z
      .int()
      .min(1_048_576)
      .max(Number.MAX_SAFE_INTEGER)
      .default(defaultLimits.maxBacklogBytes)
      .describe(
        'Content and output of one worker that may wait for peers that do not take it, all connections together.',
      ),
    maxConnectionsPerShard: count(10_000)
      .default(defaultRouterLimits.maxConnectionsPerShard)
      .describe('Connections from one worker to one shard.'),
    maxHttp1ConnectionsPerShard: count(65535)
      .default(defaultRouterLimits.maxHttp1ConnectionsPerShard)
      .describe('The same where a shard speaks HTTP/1.1, and each request takes one.'),
    maxPendingRequests: count(1_000_000)
      .default(defaultRouterLimits.maxPendingRequests)
      .describe('Requests that wait for a stream to one shard.'),
    connectTimeoutMs: count(600_000)
      .default(defaultRouterLimits.connectTimeoutMs)
      .describe('Time for a connection to a shard to be made.'),
    requestContentTimeoutMs: duration
      .default(defaultRouterLimits.requestContentTimeoutMs)
      .describe(
        "Time in which a request's content has to move; 0: no limit. Not for gRPC, Connect streams, WebSockets, watches.",
      ),
    leastContentBytesPerSecond: count(1_000_000)
      .default(defaultRouterLimits.leastContentBytesPerSecond)
      .describe('How much it has to move in that time, on average.'),
    idleConnectionMs: duration
      .default(defaultRouterLimits.idleConnectionMs)
      .describe('Time without a stream; 0: no limit.'),
    maxConnectionAgeMs: duration
      .default(defaultRouterLimits.maxConnectionAgeMs)
      .describe('Age of a client connection; 0: no limit.'),
    maxConnectionAgeGraceMs: duration
      .default(defaultRouterLimits.maxConnectionAgeGraceMs)
      .describe('Time for the streams of one that is too old.'),
    maxDownstreamConnections: count(1_000_000)
      .default(defaultRouterLimits.maxDownstreamConnections)
      .describe('Client connections of one worker.'),
  })
  .describe('What one peer may ask of a worker.');
