/** What must always hold. */
export type Rule =
  | 'two processes at once'
  | 'turns follow the versions'
  | 'the owner by its version'
  | 'what was stopped serves late'
  | 'revisions grow'
  | 'a put is carried out once'
  | 'values are what was put'
  | 'acknowledged puts stay'
  | 'reads are current'
  | 'versions grow'
  | 'linearizable'
  | 'watchers see everything'
  | 'planned changes fail nothing'
  | 'unmoved streams live on'
  | 'little is excused';

/** What must never happen, and did. */
export interface Violation {
  readonly rule: Rule;
  readonly what: string;
}

/** A span of time, for people. */
export function spanText({ begin, end }: { readonly begin: number; readonly end: number }): string {
  return `${begin.toFixed(1)}..${end.toFixed(1)}`;
}
