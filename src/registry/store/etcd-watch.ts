import type { IDuplexStream, IWatchCreateRequest, IWatchRequest, IWatchResponse } from 'etcd3/lib/rpc.js';
import { entryOf, keyOf } from './etcd-keys.ts';
import type { ChangeSet, Revision, Watcher } from './store.ts';

/** One watch of etcd's: the events of one answer are grouped by the revision that made them. */
export class EtcdWatch {
  readonly #watcher: Watcher;
  readonly #unavailable: (cause: Error) => Error;
  #stream: IDuplexStream<IWatchRequest, IWatchResponse> | null = null;
  #ended = false;
  /** The first parts of an answer that comes in several. */
  #parts: IWatchResponse['events'] = [];

  constructor(watcher: Watcher, unavailable: (cause: Error) => Error) {
    this.#watcher = watcher;
    this.#unavailable = unavailable;
  }

  begin(stream: IDuplexStream<IWatchRequest, IWatchResponse>, request: IWatchCreateRequest): void {
    this.#stream = stream;
    stream.on('data', (response) => this.#onResponse(response));
    stream.on('error', (cause) => this.lost(cause));
    stream.on('end', () => this.lost(new Error('the watch has ended')));
    if (this.#ended) stream.cancel();
    else stream.write({ create_request: request });
  }

  #onResponse({ created, canceled, compact_revision: compacted, events, fragment }: IWatchResponse): void {
    if (this.#ended) return;
    if (created && !canceled) this.#watcher.onBegun();
    if (canceled) {
      if (Number(compacted) > 0) this.#end({ kind: 'compacted' });
      else this.lost(new Error('etcd has ended the watch'));
      return;
    }
    for (const event of events) this.#parts.push(event);
    if (fragment) return;
    for (const changes of changeSets(this.#parts.splice(0))) if (!this.#ended) this.#watcher.onChanges(changes);
  }

  lost(cause: Error): void {
    this.#end({ kind: 'lost', cause: this.#unavailable(cause) });
  }

  #end(reason: Parameters<Watcher['onEnded']>[0]): void {
    if (this.#ended) return;
    this.stop();
    this.#watcher.onEnded(reason);
  }

  stop(): void {
    this.#ended = true;
    this.#stream?.cancel();
  }
}

function changeSets(events: IWatchResponse['events']): ChangeSet[] {
  const sets = new Map<Revision, Array<ChangeSet['events'][number]>>();
  for (const { type, kv } of events) {
    const revision = Number(kv.mod_revision) as Revision;
    const entry = type === 'Put' ? entryOf(kv) : null;
    const event = { key: keyOf(kv.key), entry };
    const set = sets.get(revision);
    if (set === undefined) sets.set(revision, [event]);
    else set.push(event);
  }
  return [...sets].map(([revision, each]) => ({ revision, events: each }));
}
