import { z } from 'zod';
import { defaultLimits } from '../../http/index.ts';
import { defaultRouterLimits } from '../../proxy/index.ts';
import { formatDuration, formatSize } from '../../runtime/quantity.ts';
import { count, duration, size } from './values.ts';

/** What RFC 9113 lets a window be (6.9.2), and no less than its initial one. */
const WINDOW = { least: 65_535, most: 2_147_483_647 };

export const limits = z
  .strictObject({
    maxConcurrentStreams: count(1_000_000)
      .default(defaultLimits.maxConcurrentStreams)
      .describe('Streams open at once on a client connection.'),
    maxHeaderListSize: size({ least: 1, most: 1_048_576 })
      .prefault(formatSize(defaultLimits.maxHeaderListBytes))
      .describe('Size of one header list.'),
    maxContinuations: count(1000)
      .default(defaultLimits.maxContinuations)
      .describe('CONTINUATION frames behind one HEADERS frame.'),
    streamWindow: size(WINDOW)
      .prefault(formatSize(defaultLimits.streamWindowBytes))
      .describe('Flow-control window of a stream.'),
    connectionWindow: size(WINDOW)
      .prefault(formatSize(defaultLimits.connectionWindowBytes))
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
    requestHeadTimeout: duration({ least: 1, most: 600_000 })
      .prefault(formatDuration(defaultLimits.requestHeadTimeoutMs))
      .describe("Time for a connection's first bytes, the head of an HTTP/1.1 request, or a header block of HTTP/2."),
    stalledWindow: duration({ least: 1, most: 3_600_000 })
      .prefault(formatDuration(defaultLimits.stalledWindowMs))
      .describe('How long output waits for a window that does not move.'),
    maxUnsent: size({ least: 1, most: 2_147_483_647 })
      .prefault(formatSize(defaultLimits.maxUnsentBytes))
      .describe('Output kept for a client that does not read.'),
    maxBacklog: size({ least: 1_048_576 })
      .prefault(formatSize(defaultLimits.maxBacklogBytes))
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
    connectTimeout: duration({ least: 1, most: 600_000 })
      .prefault(formatDuration(defaultRouterLimits.connectTimeoutMs))
      .describe('Time for a connection to a shard to be made.'),
    requestContentTimeout: duration()
      .prefault(formatDuration(defaultRouterLimits.requestContentTimeoutMs))
      .describe(
        "Time in which a request's content has to move; 0s: no limit. Not for gRPC, Connect streams, WebSockets, watches.",
      ),
    leastContentPerSecond: size({ least: 1, most: 1_000_000 })
      .prefault(formatSize(defaultRouterLimits.leastContentBytesPerSecond))
      .describe('How much it has to move in that time, on average.'),
    idleConnection: duration()
      .prefault(formatDuration(defaultRouterLimits.idleConnectionMs))
      .describe('Time without a stream; 0s: no limit.'),
    maxConnectionAge: duration()
      .prefault(formatDuration(defaultRouterLimits.maxConnectionAgeMs))
      .describe('Age of a client connection; 0s: no limit.'),
    maxConnectionAgeGrace: duration()
      .prefault(formatDuration(defaultRouterLimits.maxConnectionAgeGraceMs))
      .describe('Time for the streams of one that is too old.'),
    maxDownstreamConnections: count(1_000_000)
      .default(defaultRouterLimits.maxDownstreamConnections)
      .describe('Client connections of one worker.'),
  })
  .describe('What one peer may ask of a worker.');
