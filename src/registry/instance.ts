import { randomBytes } from 'node:crypto';

declare const instanceBrand: unique symbol;
/**
 * Distinguishes a process from every other one, before it and beside it. Empty: a process of a release that had none.
 */
export type InstanceId = string & { readonly [instanceBrand]: true };

/** 64 random bits: of a million processes two share an id with a probability of 1 in 37 million. */
const INSTANCE_BYTES = 8;
const QUALIFIED = /^(.*)\.([0-9a-f]{16})$/;

export function newInstance(): InstanceId {
  return randomBytes(INSTANCE_BYTES).toString('hex') as InstanceId;
}

/** A name that only this process has. It stays one part of a key, so that earlier releases take the whole for a name. */
export function qualified(name: string, instance: InstanceId): string {
  return instance === '' ? name : `${name}.${instance}`;
}

/** What `qualified` has put together. */
export function unqualified(text: string): { readonly name: string; readonly instance: InstanceId } {
  const [, name = text, instance = ''] = QUALIFIED.exec(text) ?? [];
  return { name, instance: instance as InstanceId };
}
