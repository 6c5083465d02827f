/** What a task is carried out for. */
export type Unit =
  | { readonly kind: 'cluster' }
  | { readonly kind: 'shard'; readonly shard: string }
  | { readonly kind: 'project'; readonly project: string };

export type UnitKind = Unit['kind'];

/** A unit's name among all of its cluster. */
export function unitText(unit: Unit): string {
  if (unit.kind === 'cluster') return 'cluster';
  return unit.kind === 'shard' ? `shard/${unit.shard}` : `project/${unit.project}`;
}

/** @returns null where the text is no unit's */
export function parseUnit(text: string): Unit | null {
  if (text === 'cluster') return { kind: 'cluster' };
  const [kind, ...rest] = text.split('/');
  const name = rest.join('/');
  if (name === '') return null;
  if (kind === 'shard') return { kind, shard: name };
  return kind === 'project' ? { kind, project: name } : null;
}
