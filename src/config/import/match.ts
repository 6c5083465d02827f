/** Which requests a route is for, in the terms of our config; but for its hosts, which stand beside. */
export interface ImportedMatch {
  readonly prefix?: string;
  readonly path?: string;
  readonly regex?: string;
  readonly methods?: readonly string[];
  readonly headers?: Readonly<Record<string, object>>;
}

export const EVERY_PATH: ImportedMatch = { prefix: '/' };

/** Whether it takes every request to its hosts. */
export function takesAll(match: ImportedMatch): boolean {
  return match.prefix === '/' && match.methods === undefined && match.headers === undefined;
}

/** What a text has to be, in the terms of our config. */
export type TextTest = { readonly exact: string } | { readonly prefix: string } | { readonly regex: string };

/** Envoy's and Istio's expressions match a whole text, ours anywhere in it. */
export function wholeText(regex: string): string {
  return `^(?:${regex})$`;
}

/** An expression that matches a text as it stands. */
export function literally(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** A token (RFC 9110, 5.6.2): not `:path`, nor `@request.auth.claims`. */
export function isHeader(name: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name);
}
