/** How the answers of all shards become one. An error of one shard is the answer. */
export type EverywhereMerge =
  /** All say the same: the first answer. */
  | 'first'
  /** Integers, added up. */
  | 'sum'
  /** Integers: the smallest. */
  | 'least'
  /** Integers: the largest. */
  | 'most'
  /** Arrays, one behind the other. */
  | 'concat'
  /** Arrays, one behind the other, without what was there before. */
  | 'union'
  /** Arrays of integers of the same length: the smallest of each place, which for yes and no is "all". */
  | 'least-of-each'
  /** Arrays of names and integers in turn: the integers of each name added up. */
  | 'sum-of-each'
  /** The first answer that is not null. */
  | 'any'
  /** One success is enough: the first answer that is no error. */
  | 'one-succeeds';

/** How the answers of the shards that have some of a command's keys become one. */
export type SplitMerge = 'by-key' | 'sum' | 'ok';

/** What is done with keys that may be on several shards. */
export type SplitRule = Extract<Rule, { way: 'split' }>;

/** What the router does with a command. */
export type Rule =
  /** It is sent to the shard of its keys; where they are on several slots, it is refused (CROSSSLOT). */
  | { readonly way: 'keys' }
  /** It is the same, and runs a script or a function, which its shard may not know yet. */
  | { readonly way: 'script' }
  /** It has no key, and any shard can answer. */
  | { readonly way: 'any' }
  /** Its keys may be on several shards: each gets its own. @property step arguments of each key, itself included */
  | { readonly way: 'split'; readonly step: 1 | 2; readonly merge: SplitMerge }
  | { readonly way: 'everywhere'; readonly merge: EverywhereMerge }
  /** One shard after the other, by a cursor that says which. */
  | { readonly way: 'scan' }
  /** The router answers itself. */
  | { readonly way: 'local' }
  /** It begins, ends or guards a transaction, on a connection of the client's own. */
  | { readonly way: 'transaction' }
  /** It waits until replicas have what its client has written; one answer is made of those of the shards that were written to. */
  | { readonly way: 'wait' }
  /** It may wait, on a connection of the client's own. */
  | { readonly way: 'blocking' }
  | { readonly way: 'subscribe' }
  /** A message for a channel, which goes to the shard that owns the channel's name. */
  | { readonly way: 'channel' }
  /** It does nothing without one of its subcommands, each of which has a rule of its own. */
  | { readonly way: 'container' }
  /** @property error the whole error, beginning with its code */
  | { readonly way: 'refused'; readonly error: string };
