/**
 * Documents that people write: YAML and JSON by a schema, every fault reported with its place. Imports nothing of ours.
 */
export { checkDocument, parseYaml, type Report, readDocument } from './document.ts';
export { DocumentError, type DocumentFault } from './document-error.ts';
export { logSettings } from './log-settings.ts';
export { didYouMean } from './nearest-name.ts';
export { checked, ownWords } from './own-words.ts';
export type { Path } from './path.ts';
export { duration, size } from './quantity-fields.ts';
export { asWritten, filePath } from './schema-node.ts';
export { type UpgradedDocument, upgradeDocument } from './upgrade.ts';
