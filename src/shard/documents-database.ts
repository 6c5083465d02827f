import type { DatabaseSync } from 'node:sqlite';
import { addMissing, type DatabaseKind, openDurable } from '../sqlite/index.ts';

/**
 * Stands in `removed_changes` for documents of which nothing is left, and which are too many to be known one by one. No document has that key.
 */
export const FORGOTTEN = '*';

/** The time of day in milliseconds, as the database has it: that of its machine. */
export const NOW_MS = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS documents (
    key TEXT PRIMARY KEY,
    value BLOB NOT NULL,
    revision INTEGER NOT NULL,
    expires_at INTEGER
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS changes (
    revision INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    value BLOB,
    version INTEGER NOT NULL DEFAULT 0,
    at INTEGER NOT NULL DEFAULT 0
  );
  CREATE INDEX IF NOT EXISTS changes_by_key ON changes (key, revision);
  CREATE TABLE IF NOT EXISTS writers (shard TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    client TEXT NOT NULL,
    seen_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS sessions_by_project ON sessions (project, seen_at);
  CREATE TABLE IF NOT EXISTS units (unit TEXT PRIMARY KEY, token INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS removed (up_to INTEGER NOT NULL);
  INSERT INTO removed SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM removed);
  -- Up to which revision changes of a document are removed; '' stands for all of which that is not known one by one, because
  -- they were removed before this table was there.
  CREATE TABLE IF NOT EXISTS removed_changes (key TEXT PRIMARY KEY, up_to INTEGER NOT NULL) WITHOUT ROWID;
  INSERT OR IGNORE INTO removed_changes SELECT '', up_to FROM removed;
  -- Those among them of which nothing was left.
  CREATE TABLE IF NOT EXISTS forgotten (key TEXT PRIMARY KEY, up_to INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS forgotten_by_revision ON forgotten (up_to);
  CREATE TRIGGER IF NOT EXISTS note_removed_changes AFTER DELETE ON changes BEGIN
    INSERT INTO removed_changes (key, up_to) VALUES (OLD.key, OLD.revision)
      ON CONFLICT (key) DO UPDATE SET up_to = max(up_to, excluded.up_to);
  END;
`;

/** What the file of shards' documents holds. */
const documentsFile: DatabaseKind = {
  name: 'documents of reference shards',
  schema: SCHEMA,
  marks: { documents: ['key', 'value', 'revision'] },
};

/** Opens the database that all shards of a machine share, with what older ones lack. */
export function openDocuments(file: string): DatabaseSync {
  const database = openDurable(file, documentsFile);
  addMissing(database, 'changes', 'version', 'INTEGER NOT NULL DEFAULT 0');
  addMissing(database, 'changes', 'at', 'INTEGER NOT NULL DEFAULT 0');
  addMissing(database, 'documents', 'expires_at', 'INTEGER');
  database.exec(
    'CREATE INDEX IF NOT EXISTS documents_by_expiry ON documents (expires_at) WHERE expires_at IS NOT NULL',
  );
  return database;
}
