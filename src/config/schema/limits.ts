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
      .describe('The maximum size of a header list.'),
    maxContinuations: count(1000)
      .default(defaultLimits.maxContinuations)
      .describe('CONTINUATION frames after one HEADERS frame.'),
    streamWindow: size(WINDOW)
      .prefault(formatSize(defaultLimits.streamWindowBytes))
      .describe('Flow-control window of a stream.'),
    connectionWindow: size(WINDOW)
      .prefault(formatSize(defaultLimits.connectionWindowBytes))
      .describe('Flow-control window of a connection.'),
    resetBurst: count(1_000_000)
      .default(defaultLimits.resetBurst)
      .describe('How many streams a client may reset at once.'),
    resetsPerSecond: count(1_000_000)
      .default(defaultLimits.resetsPerSecond)
      .describe('How many more resets a client may cause per second.'),
    controlFrameBurst: count(10_000_000)
      .default(defaultLimits.controlFrameBurst)
      .describe('PING, SETTINGS and other frames without a message that a client may send at once.'),
    controlFramesPerSecond: count(10_000_000)
      .default(defaultLimits.controlFramesPerSecond)
      .describe('How many more a client may send per second.'),
    requestHeadTimeout: duration({ least: 1, most: 600_000 })
      .prefault(formatDuration(defaultLimits.requestHeadTimeoutMs))
      .describe(
        "The time limit for a connection's first bytes, the head of an HTTP/1.1 request, or a header block of HTTP/2.",
      ),
    stalledWindow: duration({ least: 1, most: 3_600_000 })
      .prefault(formatDuration(defaultLimits.stalledWindowMs))
      .describe('How long output waits for a window that does not move.'),
    maxUnsent: size({ least: 1, most: 2_147_483_647 })
      .prefault(formatSize(defaultLimits.maxUnsentBytes))
      .describe('Output buffered for a client that does not read.'),
    maxBacklog: size({ least: 1_048_576 })
      .prefault(formatSize(defaultLimits.maxBacklogBytes))
      .describe('Content and output in one worker that may wait for slow peers, across all connections.'),
    maxConnectionsPerShard: count(10_000)
      .default(defaultRouterLimits.maxConnectionsPerShard)
      .describe('Connections from one worker to one shard.'),
    maxHttp1ConnectionsPerShard: count(65535)
      .default(defaultRouterLimits.maxHttp1ConnectionsPerShard)
      .describe('The same for a shard that speaks HTTP/1.1, where each request takes one connection.'),
    maxPendingRequests: count(1_000_000)
      .default(defaultRouterLimits.maxPendingRequests)
      .describe('Requests in one worker that may wait for a stream to one shard.'),
    connectTimeout: duration({ least: 1, most: 600_000 })
      .prefault(formatDuration(defaultRouterLimits.connectTimeoutMs))
      .describe('The time limit for connecting to a shard.'),
    requestContentTimeout: duration()
      .prefault(formatDuration(defaultRouterLimits.requestContentTimeoutMs))
      .describe(
        "The time in which a request's content must move; 0s: no limit. Does not apply to gRPC, Connect streams, WebSockets and watches.",
      ),
    leastContentPerSecond: size({ least: 1, most: 1_000_000 })
      .prefault(formatSize(defaultRouterLimits.leastContentBytesPerSecond))
      .describe('How much content must arrive per second in that time, on average.'),
    idleConnection: duration()
      .prefault(formatDuration(defaultRouterLimits.idleConnectionMs))
      .describe('How long a client connection may have no stream; 0s: no limit.'),
    maxConnectionAge: duration()
      .prefault(formatDuration(defaultRouterLimits.maxConnectionAgeMs))
      .describe('The maximum age of a client connection; 0s: no limit.'),
    maxConnectionAgeGrace: duration()
      .prefault(formatDuration(defaultRouterLimits.maxConnectionAgeGraceMs))
      .describe('How long the streams of a connection that is too old may continue.'),
    maxDownstreamConnections: count(1_000_000)
      .default(defaultRouterLimits.maxDownstreamConnections)
      .describe('Client connections of one worker.'),
  })
  .describe('Limits on what one peer may use in a worker.');
