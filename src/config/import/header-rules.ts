/** What is done to the headers of one side, in the terms of our config. */
export interface ImportedRules {
  readonly set: Readonly<Record<string, string>>;
  readonly add: Readonly<Record<string, string>>;
  readonly remove: readonly string[];
}

export interface ImportedHeaders {
  readonly request: ImportedRules;
  readonly response: ImportedRules;
}

/** Envoy takes %…% for a command, and %% for a percent sign. Null where a command is in it. */
export function plainValue(text: string): string | null {
  return text.replaceAll('%%', '').includes('%') ? null : text.replaceAll('%%', '%');
}

/** Both, the first of which come first: those of a route before those of its destination. */
export function joinHeaders(one: ImportedHeaders, other: ImportedHeaders): ImportedHeaders {
  const join = (a: ImportedRules, b: ImportedRules): ImportedRules => ({
    set: { ...a.set, ...b.set },
    add: { ...a.add, ...b.add },
    remove: [...new Set([...a.remove, ...b.remove])],
  });
  return { request: join(one.request, other.request), response: join(one.response, other.response) };
}

/** As our config has it: without what is empty; undefined where nothing is left. */
export function headersInConfig({ request, response }: ImportedHeaders): object | undefined {
  const sides = Object.entries({ request, response }).flatMap(([side, { set, add, remove }]) => {
    const rules = {
      ...(Object.keys(set).length > 0 && { set }),
      ...(Object.keys(add).length > 0 && { add }),
      ...(remove.length > 0 && { remove }),
    };
    return Object.keys(rules).length > 0 ? [[side, rules]] : [];
  });
  return sides.length > 0 ? Object.fromEntries(sides) : undefined;
}
