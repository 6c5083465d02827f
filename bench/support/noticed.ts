import type { EditedDocuments } from '../../test/sidecar/yorkie/edited-documents.ts';
import type { Editor } from '../../test/sidecar/yorkie/editor.ts';

/** A change of the topology, and the documents that moved by it. Times are those of the process. */
export interface Moved {
  readonly beginMs: number;
  readonly endMs: number;
  readonly documents: ReadonlySet<string>;
}

/** One edit, as one user saw it. */
export interface Sight {
  readonly document: string;
  readonly madeMs: number;
  /** How long after it was made; never: Infinity. */
  readonly afterMs: number;
}

/** When each user saw each edit. */
export function sightsOf(edited: EditedDocuments): Sight[] {
  return edited.documents.flatMap((document) => {
    const editors = edited.ofDocument(document);
    const made = new Map(editors.flatMap(({ edits }) => edits).map(({ change, madeMs }) => [change, madeMs]));
    return edited.changesOf(document).flatMap((change, i) => {
      const madeMs = made.get(change);
      // Its answer was lost.
      if (madeMs === undefined) return [];
      return editors.map(({ sightings }) => {
        const seen = sightings.find(({ number }) => number > i);
        return { document, madeMs, afterMs: (seen?.atMs ?? Number.POSITIVE_INFINITY) - madeMs };
      });
    });
  });
}

/** For how long, at most, an editor saw fewer others than there are, in a span of time. */
export function missedOthersMs({ company }: Editor, others: number, beginMs: number, endMs: number): number {
  let longest = 0;
  let sinceMs: number | null = null;
  for (const { names, atMs } of company) {
    if (atMs > endMs) break;
    if (names.length < others) sinceMs ??= atMs;
    else if (sinceMs !== null) {
      if (atMs > beginMs) longest = Math.max(longest, atMs - sinceMs);
      sinceMs = null;
    }
  }
  return sinceMs === null ? longest : Math.max(longest, endMs - sinceMs);
}

/** Edits that were acknowledged, and that the database lacks. */
export function lostEdits(edited: EditedDocuments): number {
  const stored = new Set(edited.documents.flatMap((document) => edited.changesOf(document)));
  return edited.editors.flatMap(({ edits }) => edits).filter(({ change }) => !stored.has(change)).length;
}
