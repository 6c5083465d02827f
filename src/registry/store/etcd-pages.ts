import type { Entry } from './store.ts';

/** An answer of this size takes a few milliseconds, and its copies are small. */
const PAGE_BYTES = 1024 * 1024;
/** Before anything is known of the entries: even of the largest that etcd takes by default (1.5 MB) so many fit. */
const FIRST_PAGE = 16;
/** A page is larger than the one before by no more than this: behind small entries large ones may stand. */
const MAX_GROWTH = 8;

/** How many entries to ask for next, so that an answer has about a megabyte. */
export class PageSize {
  #entries = FIRST_PAGE;

  get entries(): number {
    return this.#entries;
  }

  /** Called after a page that was full. */
  onPage(page: readonly Entry[]): void {
    const bytes = page.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
    const fitting = Math.floor((page.length * PAGE_BYTES) / Math.max(1, bytes));
    this.#entries = Math.max(1, Math.min(fitting, MAX_GROWTH * this.#entries));
  }
}
