/** Durable SQLite files, for the embedded stores. Imports nothing of ours. */
export { openDurable, transaction } from './durable-database.ts';
