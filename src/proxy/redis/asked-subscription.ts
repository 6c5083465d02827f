import { slotOf } from '../../placement/index.ts';
import type { Redirect } from '../../resp/index.ts';
import type { Kind } from './subscription-kind.ts';

/** What a shard was asked for a subscriber, and has not confirmed. */
export interface Asked {
  readonly kind: Kind;
  readonly name: string;
  readonly isOn: boolean;
  /** The confirmation is not for the client: it has had one, or one of another shard stands for all. */
  readonly isSwallowed: boolean;
  /** How often it was asked. */
  readonly sendings: number;
}

/** Whether a confirmation is that of what was asked. */
export function isAnswerTo(
  asked: Asked,
  { kind, isOn }: { readonly kind: Kind; readonly isOn: boolean },
  name = '',
): boolean {
  return asked.kind === kind && asked.isOn === isOn && asked.name === name;
}

/** Whether a redirect speaks of the slot of what was asked. */
export function isAbout({ slot }: Redirect, { name }: Asked): boolean {
  const bytes = Buffer.from(name, 'latin1');
  return slotOf(bytes, 0, bytes.length) === slot;
}
