/** Where in a document something stands, as faults name it: `routes`, 0, `timeoutMs`. */
type Path = readonly (string | number)[];

/** A list with more changed entries than this is reported as a whole. */
const MAX_LIST_ITEMS = 3;

/**
 * Where two documents differ, each place once and as exactly as is of use: `routes.0.timeoutMs`. What is new or gone is one
 * place, and so is a list that is longer or shorter, or of which much has changed.
 */
export function changedPaths(before: unknown, after: unknown): string[] {
  return changes(before, after, []).map((path) => path.join('.'));
}

function changes(before: unknown, after: unknown, path: Path): Path[] {
  if (Array.isArray(before) && Array.isArray(after)) return changesOfList(before, after, path);
  if (isMapping(before) && isMapping(after)) {
    const names = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...names].flatMap((name) => changes(before[name], after[name], [...path, name]));
  }
  return Object.is(before, after) ? [] : [path];
}

function changesOfList(before: readonly unknown[], after: readonly unknown[], path: Path): Path[] {
  if (before.length !== after.length) return [path];
  const changed = before.map((each, i) => changes(each, after[i], [...path, i])).filter((paths) => paths.length > 0);
  return changed.length > MAX_LIST_ITEMS ? [path] : changed.flat();
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
