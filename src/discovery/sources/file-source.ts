import { watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { z } from 'zod';
import { EventQueue } from '../../runtime/event-queue.ts';
import { identifier, reachableAddress } from '../../topology/index.ts';
import { DocumentError, parseYaml, readDocument } from '../../yaml/index.ts';
import type { FoundShard, ShardSource } from '../found-shards.ts';

const schema = z.object({
  shards: z
    .array(z.object({ id: identifier, address: reachableAddress, weight: z.int().min(1).max(1_000_000).optional() }))
    .min(1),
});

/** A file may be written in several steps: it is read once nothing has happened to it for this long. */
const SETTLED_MS = 50;

/** A YAML or JSON file with `shards: [{id, address, weight}]`, read on every change. A faulty one is only reported. */
export function fileSource(file: string): ShardSource {
  return async function* (signal, onFault) {
    const queue = new EventQueue<readonly FoundShard[]>();
    const read = (): void => {
      try {
        queue.push(parseYaml(readDocument(file), file, schema, ({ shards }) => shards));
      } catch (error) {
        if (!(error instanceof DocumentError)) throw error;
        onFault(error.message);
      }
    };
    let timer: NodeJS.Timeout | undefined;
    // The folder, because editors and Kubernetes put another file in the place of the first.
    const watcher = watch(dirname(file), (_event, name) => {
      if (name !== null && name !== basename(file) && !name.startsWith('..')) return;
      clearTimeout(timer);
      timer = setTimeout(read, SETTLED_MS);
    });
    const stop = (): void => {
      clearTimeout(timer);
      watcher.close();
      queue.end(null);
    };
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    read();
    yield* queue;
  };
}
