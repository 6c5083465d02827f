import type { IKeyValue } from 'etcd3/lib/rpc.js';
import type { Entry, Revision } from './store.ts';

/** Other programs keep their own things in the same etcd. */
const PREFIX = '/keyway/';

/** A key of ours as etcd has it. */
export function bytesOf(key: string): Buffer {
  return Buffer.from(PREFIX + key);
}

/** The first key that does not begin so: the last byte, one higher. Our prefixes are ASCII. */
export function endOf(prefix: string): Buffer {
  const bytes = bytesOf(prefix);
  bytes[bytes.length - 1] = (bytes.at(-1) as number) + 1;
  return bytes;
}

/** A key of etcd's as we have it. */
export function keyOf(key: Buffer): string {
  return key.toString().slice(PREFIX.length);
}

/** What etcd has at a key. */
export function entryOf({ key, value, create_revision, mod_revision }: IKeyValue): Entry {
  return {
    key: keyOf(key),
    value: value.toString(),
    created: Number(create_revision) as Revision,
    revision: Number(mod_revision) as Revision,
  };
}
