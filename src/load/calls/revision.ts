import type { DescMessage } from '@bufbuild/protobuf';
import { CallError } from './call-error.ts';

/** Where an answer has its revision. */
export type RevisionPlace = { readonly header: string } | { readonly path: readonly string[] };

/** Reads `document.revision`, `header:x-revision`. */
export function revisionPlace(text: string): RevisionPlace {
  return text.startsWith('header:')
    ? { header: text.slice('header:'.length).toLowerCase() }
    : { path: text.split('.') };
}

/** @returns what stands there, as a number; null where there is none */
export function numberAt(value: unknown, path: readonly string[]): number | null {
  let at: unknown = value;
  for (const name of path)
    at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[name] : undefined;
  return at === undefined || at === null ? null : revisionNumber(String(at));
}

/** @returns null where it is no whole number: an ETag, for example, has no order */
export function revisionNumber(text: string): number | null {
  return /^[0-9]{1,16}$/.test(text) ? Number(text) : null;
}

/** The names of a message's members, as a path of its schema has them in JSON or in the .proto file. @throws CallError */
export function memberPath(desc: DescMessage, path: readonly string[], what: string): string[] {
  let at: DescMessage | undefined = desc;
  return path.map((name) => {
    const found = at?.fields.find((each) => each.name === name || each.jsonName === name);
    if (found === undefined) throw new CallError(`${what}: ${at?.typeName ?? 'a number'} has no field ${name}`);
    at = found.fieldKind === 'message' ? found.message : undefined;
    return found.localName;
  });
}

/** Null where it is none. */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
