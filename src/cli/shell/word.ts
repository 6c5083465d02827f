import type { ControllerClient } from './controller-client.ts';
import type { Flags, Typed } from './line.ts';

/** Where a shell is: namespaces are entered like directories, and clusters in them. */
export interface Place {
  readonly namespace: string | null;
  /** Null also where there is no namespace. */
  readonly cluster: string | null;
}

/** What the words of a shell go by, and change. */
export interface ShellContext {
  readonly client: ControllerClient;
  place: Place;
  /** Reads a file that a line names. @throws NamedFileFault */
  readonly readFile: (file: string) => string;
}

/** Something that can be typed. */
export interface Word {
  readonly name: string;
  /** What stands behind it. */
  readonly usage: string;
  readonly summary: string;
  readonly flags: Flags;
  /** @returns what is shown. @throws ShellFault where it cannot be done */
  run(context: ShellContext, typed: Typed): Promise<string>;
}

/** Without it nothing is done that changes a cluster. */
export const EXECUTE = '-e';

/** What is said where that is missing. */
export const NOT_DONE = `nothing was done; add ${EXECUTE} to carry it out\n`;

/** Said as a directory. */
export function placeText({ namespace, cluster }: Place): string {
  return `/${[namespace, cluster].filter((each) => each !== null).join('/')}`;
}
