import { type Field, field, type HeaderBlock, type HeaderName, headerName } from '../../../http/index.ts';

/** What is done to a message's headers: first what is removed, then what is set, then what is added. */
export interface HeaderRulesDescription {
  readonly remove?: readonly string[] | undefined;
  /** Replaces every header of the name. */
  readonly set?: Readonly<Record<string, string>> | undefined;
  /** Stands beside those that there are. */
  readonly add?: Readonly<Record<string, string>> | undefined;
}

/** Header rules, ready to be applied: their fields are made once. */
export class HeaderRules {
  readonly #removed: ReadonlySet<HeaderName>;
  readonly #fields: readonly Field[];

  constructor({ remove = [], set = {}, add = {} }: HeaderRulesDescription) {
    this.#removed = new Set([...remove, ...Object.keys(set)].map((name) => headerName(name.toLowerCase())));
    this.#fields = [...Object.entries(set), ...Object.entries(add)].map(([name, value]) =>
      field(name.toLowerCase(), Buffer.from(value, 'utf8').toString('latin1')),
    );
  }

  apply(block: HeaderBlock): void {
    if (this.#removed.size > 0) block.removeWhere(({ name }) => this.#removed.has(name));
    for (const each of this.#fields) block.push(each);
  }
}

/** Null where there is nothing to do, which spares most requests the work. */
export function headerRules(description: HeaderRulesDescription | undefined): HeaderRules | null {
  if (description === undefined) return null;
  const { remove = [], set = {}, add = {} } = description;
  const empty = remove.length === 0 && Object.keys(set).length === 0 && Object.keys(add).length === 0;
  return empty ? null : new HeaderRules(description);
}
