/** What a page does: edits documents, one change after the other in each, and watches them. */

import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-web';
import { yorkieServiceOf } from '../../support/yorkie-descriptor.ts';
import { type DocumentMethods, Editor } from './editor.ts';

export interface EditorCall {
  readonly baseUrl: string;
  /** What its changes begin with. */
  readonly name: string;
  readonly documents: readonly string[];
  readonly descriptorSet: readonly number[];
}

export interface EditorResult {
  readonly name: string;
  readonly document: string;
  /** Changes that were acknowledged. */
  readonly acknowledged: readonly string[];
  /** Why others were not. */
  readonly failures: readonly string[];
  /** How many changes the watch has seen in the end. */
  readonly seen: number;
  /** How often the watch was opened. */
  readonly watches: number;
  /** Whom it sees beside itself, before it leaves. */
  readonly company: readonly string[];
}

/** A page edits as fast as it is answered, nearly. */
const PAUSE_MS = 5;
const COMES_BACK_AFTER_MS = 10;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

let editors: Editor[] = [];

/** @param length how many changes the document has in the end: the watch has to see them @param others as many as it has to see */
async function finish(editor: Editor, length: number, others: number): Promise<EditorResult> {
  const isBehind = (): boolean => editor.seen < length || editor.company.at(-1)?.names.length !== others;
  for (let waits = 0; isBehind() && waits < 500; waits++) await pause(20);
  const { name, document, failed, seen, watches } = editor;
  const failures = failed.map(({ reason }) => reason);
  const company = editor.company.at(-1)?.names ?? [];
  const acknowledged = editor.edits.map(({ change }) => change);
  return { name, document, acknowledged, failures, seen, watches, company };
}

Object.assign(globalThis, {
  start: ({ baseUrl, name, documents, descriptorSet }: EditorCall): void => {
    const service = yorkieServiceOf(Uint8Array.from(descriptorSet));
    const methods = createClient(service, createConnectTransport({ baseUrl })) as unknown as DocumentMethods;
    editors = documents.map(
      (document) => new Editor({ methods, name, document, pauseMs: PAUSE_MS, comesBackAfterMs: COMES_BACK_AFTER_MS }),
    );
  },
  acknowledged: (): number => Math.min(...editors.map(({ edits }) => edits.length)),
  stopEditing: async (): Promise<void> => void (await Promise.all(editors.map((editor) => editor.stopEditing()))),
  finish: (lengths: readonly number[], others: number): Promise<EditorResult[]> =>
    Promise.all(editors.map((editor, i) => finish(editor, lengths[i] ?? 0, others))),
  leave: async (): Promise<void> => void (await Promise.all(editors.map((editor) => editor.leave()))),
});

/** What the test calls. */
export interface EditorPage {
  start(call: EditorCall): void;
  acknowledged(): number;
  stopEditing(): Promise<void>;
  finish(lengths: readonly number[], others: number): Promise<EditorResult[]>;
  leave(): Promise<void>;
}
