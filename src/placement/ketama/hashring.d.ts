/** The part of the `hashring` package (which ships no types) that ketama uses. */
declare module 'hashring' {
  export default class HashRing {
    constructor(servers: Record<string, number>, algorithm?: string, options?: { 'max cache size'?: number });
    readonly ring: ReadonlyArray<{ readonly value: number; readonly server: string }>;
    get(key: string): string | undefined;
  }
}
