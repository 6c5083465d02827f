import type { FloodCause, HeaderBlock, MessageHead, Stream } from '../http/index.ts';
import type { Connection } from './connection.ts';

/** What a connection tells its owner. */
export interface ConnectionHandler {
  /** A request has come (servers only). The owner sets `stream.handler` during the call. */
  onRequest(stream: Stream, head: MessageHead, block: HeaderBlock, endStream: boolean): void;
  /** More streams may be opened than before: one has closed, or the peer's SETTINGS have come. */
  onCapacity(connection: Connection): void;
  /** The peer takes no new streams; told once. Those that it did not process have been reset as `Unprocessed`. */
  onGoaway(connection: Connection, code: number): void;
  /** The connection is of no more use; its streams have been told. `reason` is null where it ended in order. */
  onClosed(connection: Connection, reason: string | null): void;
  /** The peer went over a limit. */
  onFlood(connection: Connection, cause: FloodCause): void;
}
