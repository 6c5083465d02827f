import type { Accepted } from '../../io/index.ts';
import type { Protocol } from '../../resp/index.ts';
import type { CommandInfo } from './commands/index.ts';

/** A client as others see it (CLIENT LIST), and may end it (CLIENT KILL). */
export interface ListedClient {
  readonly id: number;
  /** Where it came in: clients of other addresses are not its fellows. */
  readonly entry: object;
  readonly accepted: Accepted;
  readonly name: string;
  readonly user: { readonly name: string };
  readonly protocol: Protocol;
  readonly beganMs: number;
  readonly idleMs: number;
  /** What it has asked last; null where it has asked nothing that is known. */
  readonly lastCommand: CommandInfo | null;
  /** Null outside of one. */
  readonly transaction: { readonly count: number } | null;
  readonly subscriber: {
    readonly isListening: boolean;
    countOf(kind: 'channel' | 'pattern' | 'shard-channel'): number;
  } | null;
  destroy(): void;
}
