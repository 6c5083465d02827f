import { type PlacementKind, placementKinds } from '../../placement/index.ts';

const names = Object.keys(placementKinds);

/** What a command's help says of it. */
export const PLACEMENT_HELP = `${names.slice(0, -1).join(', ')} or ${names.at(-1)}; maglev:65537 with its size`;

/** A placement as a document has it, from `maglev` or `maglev:65537`. What is none is found where the document is checked. */
export function placementDocument(text: string): Record<string, object> {
  const [name = '', size] = text.split(':');
  const kind = Object.entries<PlacementKind>(placementKinds).find(([each]) => each === name)?.[1];
  return { [name]: size === undefined ? {} : { [kind?.sizeOption ?? 'size']: Number(size) } };
}
