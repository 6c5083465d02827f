/** Durable SQLite files, for the embedded stores. Imports nothing of ours. */
export { checkKind, type DatabaseKind, holdsData } from './database-kind.ts';
export { addMissing, openDurable, snapshot, transaction } from './durable-database.ts';
export { fileIdentity } from './file-identity.ts';
export { FileLock, FileLocked } from './file-lock.ts';
