import { z } from 'zod';
import type { MovedPin, MovedRange } from '../../topology/index.ts';

/**
 * What a backend that takes part by itself is asked to do (docs/participant.md): `serve`, for a while; `hold` what leaves; `commit` the version that
 * this was for, or `abort` it; `drop` from memory what has left.
 */
export const participantSteps = ['serve', 'hold', 'commit', 'abort', 'drop'] as const;
export type ParticipantStep = (typeof participantSteps)[number];

/** Keys that change their owner, for a backend that knows how they are hashed. */
export interface Moves {
  /** What hashes a key to a point of the ranges: `xxHash64`, `crc16/16384`. */
  readonly space: string;
  /** Those that leave this shard, or come to it. Points are decimal numbers, both included. */
  readonly ranges: ReadonlyArray<{ readonly [Field in keyof MovedRange]: string | null }>;
  /** All pins, also those that stay as they are. They come before ranges. */
  readonly pins: readonly MovedPin[];
}

/** One call. */
export interface ParticipantCall {
  /** The process that calls. A backend that hears of another one than before serves nothing, and forgets what it knows of keys. */
  readonly agent: string;
  /** The process that is meant, by its last answer; empty in a first call. */
  readonly backend: string;
  /** Grows with each call of an agent: a call with a smaller one than the last has been overtaken. */
  readonly sequence: number;
  readonly namespace: string;
  readonly cluster: string;
  readonly shard: string;
  /** The topology's, which the backend serves by; 0: none. */
  readonly version: number;
  /** For its store: of two processes that own a key one after the other the later one's is larger. 0: none. */
  readonly token: number;
  /** Until when it may serve, in milliseconds of its own clock; 0: it may not. */
  readonly serveUntilMs: number;
  /** Where it asks which keys are its own. */
  readonly ask: string;
  /** Of `hold` and `abort`: which version it is about, and which attempt to get there; otherwise 0. */
  readonly to: number;
  readonly attempt: number;
  /** Of `hold`: which keys move; null where ranges cannot say it. */
  readonly moves: Moves | null;
}

/** The longest time for which requests are held for a change (`HandoffDriver`): an answer that comes later is of no use. */
export const CALL_MS = 2000;

const MAX_NAME = 128;
/** An answer has a few short fields. */
export const MAX_ANSWER_BYTES = 16 * 1024;

/** What a backend answers, also where it refuses (409). */
export const participantReply = z.object({
  /** Which process it is: drawn at random when it starts. */
  backend: z.string().min(1).max(MAX_NAME),
  /** The agent that it follows. */
  agent: z.string().max(MAX_NAME),
  /** Its monotonic clock, in milliseconds from wherever it begins. */
  clockMs: z.number().min(0).max(Number.MAX_SAFE_INTEGER),
});

export interface ParticipantReply extends z.infer<typeof participantReply> {
  /** It has not done what it was asked to do: it is another process, follows another agent, or has heard of something later. */
  readonly isRefused: boolean;
}

/** A way to call a backend. */
export interface ParticipantBackend {
  /** @throws Error where it does not answer, or not what is understood, or `signal` is aborted */
  call(step: ParticipantStep, call: ParticipantCall, signal: AbortSignal): Promise<ParticipantReply>;
  close(): void;
}
