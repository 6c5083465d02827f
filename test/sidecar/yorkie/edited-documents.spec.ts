import { afterEach, expect, it, vi } from 'vitest';
import { Scope } from '../../support/processes.ts';
import { PATIENCE } from '../../support/registries.ts';
import { EditedDocuments } from './edited-documents.ts';
import type { Editor } from './editor.ts';

const scope = new Scope();
afterEach(() => scope.release());

const DOCUMENTS = 20;
const USERS = 2;
const [BEFORE, AFTER] = [2, 3];
const START = { shards: AFTER, inUse: BEFORE, documents: DOCUMENTS, users: USERS, pauseMs: 200, comesBackAfterMs: 0 };

/** Every editor has had so many more changes acknowledged. */
async function editsMore({ editors }: EditedDocuments, more: number): Promise<void> {
  const wanted = editors.map(({ edits }) => edits.length + more);
  await vi.waitFor(
    () => expect(editors.every(({ edits }, i) => edits.length >= (wanted[i] as number))).toBe(true),
    PATIENCE,
  );
}

/** Every editor watches, and sees all others of its document. */
async function allTogether(edited: EditedDocuments): Promise<void> {
  await vi.waitFor(() => {
    for (const editor of edited.editors) expect([...namesSeen(editor)].sort()).toEqual(othersOf(edited, editor));
  }, PATIENCE);
}

const namesSeen = ({ company }: Editor): readonly string[] => company.at(-1)?.names ?? [];

function othersOf(edited: EditedDocuments, editor: Editor): string[] {
  const names = edited.ofDocument(editor.document).map(({ name }) => name);
  return names.filter((name) => name !== editor.name).sort();
}

/** A machine may be so busy that a call takes as long as a watch, and is ended as one. */
const TOOK_LONG = /unavailable.* the key moves/;

/** No edit was lost, or carried out twice, and each was seen by everybody. */
async function checkEdits(edited: EditedDocuments): Promise<void> {
  await Promise.all(edited.editors.map((editor) => editor.stopEditing()));
  for (const document of edited.documents) {
    const editors = edited.ofDocument(document);
    const stored = edited.changesOf(document);
    const failed = editors.flatMap((editor) => editor.failed);
    expect(failed.filter(({ reason }) => !TOOK_LONG.test(reason))).toEqual([]);
    const known = new Set(failed.map(({ change }) => change));
    const acknowledged = editors.flatMap(({ edits }) => edits.map(({ change }) => change));
    expect(stored.filter((change) => !known.has(change)).sort()).toEqual(acknowledged.sort());
    await vi.waitFor(() => expect(editors.map(({ seen }) => seen)).toEqual(editors.map(() => stored.length)), PATIENCE);
  }
}

/** Where each watch is: once at the owner, and nowhere else. */
async function checkWatches({ servers, editors, sidecars }: EditedDocuments, shards: number): Promise<void> {
  const watched = editors.map(({ document }) => document).sort();
  const expected = servers.map((_, i) => watched.filter((document) => sidecars.ownerOf(document, shards) === `s${i}`));
  await vi.waitFor(() => expect(servers.map(({ watched }) => [...watched].sort())).toEqual(expected), PATIENCE);
}

async function checkLeaving({ servers, editors }: EditedDocuments): Promise<void> {
  await Promise.all(editors.map((editor) => editor.leave()));
  await vi.waitFor(() => expect(servers.flatMap(({ watched }) => watched)).toEqual([]), PATIENCE);
}

it('keeps people who edit documents together while a shard joins and leaves, loses no edit, and leaves no watch behind', async () => {
  const edited = await EditedDocuments.start(scope, { ...START, routers: 1, onMove: { how: 'end' } });
  await editsMore(edited, 3);
  await allTogether(edited);
  for (const shards of [AFTER, BEFORE]) {
    await edited.handOver(shards);
    await editsMore(edited, 3);
    await allTogether(edited);
    await checkWatches(edited, shards);
  }
  await checkEdits(edited);
  // The watches of a document end together: nobody sees others go.
  expect(edited.editors.flatMap(({ departures }) => departures)).toEqual([]);
  const moves = (document: string): boolean => edited.sidecars.ownerOf(document, AFTER) === 's2';
  expect(edited.documents.some(moves)).toBe(true);
  // One watch at each owner, one after the other; and one more for each time that a busy machine has held requests in vain.
  for (const { document, watches } of edited.editors)
    expect([document, watches]).toEqual([
      document,
      moves(document) ? expect.toSatisfy((count: number) => count >= 3) : 1,
    ]);
  await checkLeaving(edited);
});

it.each([
  ['leave as by default', {}],
  ['stay open', { how: 'replay' }],
])('keeps them together, too, where they come by several routers, with watches that %s', async (_, onMove) => {
  const edited = await EditedDocuments.start(scope, { ...START, routers: 2, onMove });
  await editsMore(edited, 3);
  for (const shards of [AFTER, BEFORE]) {
    await edited.handOver(shards);
    await editsMore(edited, 3);
    await allTogether(edited);
    await checkWatches(edited, shards);
  }
  await checkEdits(edited);
  await checkLeaving(edited);
});
