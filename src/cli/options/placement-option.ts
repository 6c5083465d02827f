/** The option of a placement that its size is. */
const SIZES: Readonly<Record<string, string>> = {
  ringHash: 'minimumRingSize',
  maglev: 'tableSize',
  fixedRing: 'entriesPerWeight',
};

/** A placement as a document has it, from `maglev` or `maglev:65537`. What is none is found where the document is checked. */
export function placementDocument(text: string): Record<string, object> {
  const [kind = '', size] = text.split(':');
  return { [kind]: size === undefined ? {} : { [SIZES[kind] ?? 'size']: Number(size) } };
}
