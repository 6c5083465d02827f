import type { DocumentMessage, RevisionMessage } from '../../../src/shard/index.ts';

export const DEADLINE_MS = 15_000;

/** A call as it is to be made. */
export interface Request {
  readonly id: string;
  readonly operation: 'get' | 'put';
  readonly key: string;
  /** What is put. */
  readonly value: Buffer;
  /** How long a shard of the tests' own takes for it. */
  readonly delayMs: number;
  /** By the route that may repeat what may have been carried out. */
  readonly repeats: boolean;
  /** Between the parts of the request's content, where the transport can send it so. */
  readonly partsMs: number;
}

export interface Answer {
  /** Null where it succeeded. */
  readonly error: string | null;
  readonly revision: number;
  readonly value: Uint8Array;
}

/** How a client speaks to its router: with a connection of its own, and no retries but its own. */
export interface Transport {
  call(request: Request): Promise<Answer>;
  close(): void;
}

export function failed(error: string): Answer {
  return { error, revision: 0, value: new Uint8Array(0) };
}

export function succeeded(answer: DocumentMessage | RevisionMessage | null): Answer {
  const value = answer !== null && 'value' in answer ? answer.value : new Uint8Array(0);
  return { error: null, revision: answer?.revision ?? 0, value };
}

/** The header fields that every call bears. */
export function fieldsOf({ id, key, delayMs, repeats }: Request): Record<string, string> {
  return {
    'x-shard-key': key,
    'x-call': id,
    'x-delay': String(delayMs),
    ...(repeats ? { 'x-repeat': 'yes' } : {}),
  };
}

/** Content goes out in so many parts where it is to go slowly. */
export const PARTS = 4;

export function partsOf(content: Buffer, partsMs: number): Buffer[] {
  if (partsMs === 0) return [content];
  const size = Math.ceil(content.length / PARTS);
  return Array.from({ length: PARTS }, (_, i) => content.subarray(i * size, (i + 1) * size));
}
