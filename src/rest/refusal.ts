import {
  AlreadyMember,
  FailoverNotDone,
  MadeRefused,
  MigrationRefused,
  NoController,
  OrderReplaced,
  QueueNotWritten,
  QueueUnreadable,
  SlotMoveError,
} from '../controller/index.ts';
import { HandoffAborted } from '../handoff/index.ts';
import { NamespaceError, StoreDenied, StoreRefused, StoreUnavailable, VersionConflict } from '../registry/index.ts';
import { RespClientError } from '../resp/index.ts';
import { DocumentError } from '../yaml/index.ts';

/** What was asked for is not done. Its message is for people. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The status that errors of other rooms are answered with. */
const STATUSES: ReadonlyArray<readonly [abstract new (...args: never[]) => Error, number]> = [
  [NamespaceError, 400],
  [DocumentError, 400],
  [StoreDenied, 403],
  [StoreRefused, 403],
  [VersionConflict, 409],
  [HandoffAborted, 409],
  [MadeRefused, 409],
  [MigrationRefused, 409],
  [FailoverNotDone, 409],
  [OrderReplaced, 409],
  [QueueNotWritten, 409],
  [QueueUnreadable, 500],
  [AlreadyMember, 409],
  // A node does not do what it is asked for, or is not there.
  [SlotMoveError, 502],
  [RespClientError, 502],
  [StoreUnavailable, 503],
  [NoController, 504],
];

/** What an error is to whoever has asked; null: it is a fault of ours. */
export function refusalFor(error: unknown): Refused | null {
  if (error instanceof Refused) return error;
  const known = STATUSES.find(([kind]) => error instanceof kind);
  return known === undefined ? null : new Refused(known[1], (error as Error).message);
}
