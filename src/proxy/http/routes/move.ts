import type { MoveWay } from '../../core/drain/leaving-request.ts';
import type { ResumeDescription } from '../replay/resume.ts';

/** What a route's clients are told when their key moves. Plain data. */
export interface MoveDescription {
  /**
   * `goaway`: over HTTP/2 they are told to make a new connection, and the stream ends; `end`: it ends; `replay`: it stays, and the call
   * is opened again at the new owner, if that is possible.
   */
  readonly how: MoveWay;
  /** For `replay`: where the call continues; from its beginning where nothing says so. */
  readonly resume?: ResumeDescription | undefined;
  /** `ok` for clients that take the end of a stream for "come again". */
  readonly status: 'unavailable' | 'ok';
  /** In place of one that names the versions. */
  readonly message?: string | undefined;
}

export const defaultMove: MoveDescription = { how: 'goaway', status: 'unavailable' };
