/** Asks once whether a shard is well. @throws an Error that says what is wrong */
export type Check = (timeoutMs: number) => Promise<void>;
