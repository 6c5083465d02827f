/** What can be subscribed to, and how it is said. */
export type Kind = 'channel' | 'pattern' | 'shard-channel';

/** The commands that begin and end a subscription. */
export const WORDS: Readonly<Record<Kind, { readonly on: string; readonly off: string }>> = {
  channel: { on: 'subscribe', off: 'unsubscribe' },
  pattern: { on: 'psubscribe', off: 'punsubscribe' },
  'shard-channel': { on: 'ssubscribe', off: 'sunsubscribe' },
};

/** The kind and the way of each word that confirms. */
export const CONFIRMATIONS = new Map<string, { readonly kind: Kind; readonly isOn: boolean }>(
  (Object.keys(WORDS) as Kind[]).flatMap((kind) => [
    [WORDS[kind].on, { kind, isOn: true }] as const,
    [WORDS[kind].off, { kind, isOn: false }] as const,
  ]),
);

/** What servers publish of the keys that they have themselves: names of channels, and patterns for them. */
const KEYSPACE = /^__key(?:space|event|\*)/;

/** Whether a name is subscribed to at all shards, whatever these tell each other. */
export function isOfAll(kind: Kind, name: string): boolean {
  return kind !== 'shard-channel' && KEYSPACE.test(name);
}

/** Whether a name is one that a shard owns. */
export function isNamed(kind: Kind, name: string): boolean {
  return kind !== 'pattern' && !isOfAll(kind, name);
}
