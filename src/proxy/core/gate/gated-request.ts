import type { LeavingRequest } from '../drain/leaving-request.ts';
import type { Waiting } from '../owner/fair-queue.ts';
import type { Key } from '../owner/key.ts';
import type { Refusable } from '../refusal.ts';
import type { WaitingPlace } from '../waiting-place.ts';
import type { Owners } from './owners.ts';

/** A request as the gate sees it, which stands between it and its owner. */
export interface GatedRequest extends Waiting, LeavingRequest, Refusable {
  /** Its route calls it a watch, or it stays open by its nature. */
  readonly isWatch: boolean;
  readonly keyText: string;
  /** The shard that it goes to; null: that has not been looked for yet. */
  readonly owner: { readonly shard: string } | null;
  /** The version by which another router has sent it here; 0: none has. */
  readonly askedBy: number;
  /** Bytes of its content that wait with it. */
  readonly heldBytes: number;
  /** Its owner has it, or gets the rest of it after having answered. */
  readonly isSent: boolean;
  /** Its answer has begun. */
  readonly isBeingAnswered: boolean;
  /** The keys by which its owner is found; none where it has its owner whatever keys move. */
  forEachKey(visit: (key: Key) => void): void;
  /** Whether its owner is another one among these. */
  hasMovedIn(owners: Pick<Owners, 'isOwner' | 'has'>): boolean;
  /** Makes it one for the owner of its key among these. @returns false where no shard owns it: it was refused */
  findOwnerIn(owners: Owners): boolean;
  /** Has its content kept whole from now on, none of which has been sent yet. */
  keepContent(): void;
  /** Has its owner get no more of it, if it has been answered. */
  stopSending(): void;
  /** Has it wait in a place, and in no other. */
  waitIn(place: WaitingPlace<GatedRequest>): void;
  isIn(place: WaitingPlace<GatedRequest>): boolean;
  /** Its wait is over: it asks again whether it may go out, and to which owner. */
  proceed(): void;
}
