import { isMap, isScalar, isSeq, type Pair, type ParsedNode, type Scalar } from 'yaml';
import { DocumentError } from './document-error.ts';
import { measuredBy, type Renamed, renamedField } from './former-names.ts';
import { ParsedText } from './parsed-text.ts';
import { formatQuantity } from './quantity-fields.ts';
import { below, type SchemaNode } from './schema-node.ts';

/** A field that is written otherwise now. */
export interface UpgradedField {
  /** From 1. */
  readonly line: number;
  readonly before: string;
  readonly after: string;
}

/** A document as it is written now. */
export interface UpgradedDocument {
  readonly text: string;
  readonly fields: readonly UpgradedField[];
}

/** What is rewritten: fields of former names alone, or sizes without their unit too, where the name never had one. */
export type UpgradeReach = 'former names' | 'all';

/**
 * Rewrites fields that had their unit in their name (`windowMs: 5000` becomes `window: 5s`). Everything else stays as it is, to the
 * last space.
 * @param file the name for messages
 * @param schemas JSON schemas of what the document may be; the one that knows most of its fields counts, the first of equals
 * @returns null where the document has no field of any of them
 * @throws DocumentError where it is not YAML, or has a field by its former and its present name
 */
export function upgradeDocument(text: string, file: string, schemas: readonly object[]): UpgradedDocument | null {
  return upgradeParsed(new ParsedText(text, file), schemas, 'all');
}

/** The same for a text that has been read. @throws DocumentError where it has a field by its former and its present name */
export function upgradeParsed(
  source: ParsedText,
  schemas: readonly object[],
  reach: UpgradeReach,
): UpgradedDocument | null {
  const { text, document } = source;
  const root = document.contents;
  const schema = schemaOf(root, schemas as readonly SchemaNode[]);
  if (schema === null) return null;
  const found = outdatedFields(root, [schema], (alias) => alias.resolve(document)).filter(
    ({ key, renamed }) => reach === 'all' || renamed.name !== key.value,
  );
  let upgraded = text;
  for (const { key, value, siblings, renamed } of found.toReversed()) {
    if (renamed.name !== key.value && siblings.some((each) => isScalar(each.key) && each.key.value === renamed.name))
      throw new DocumentError([
        source.faultAt(start(key), String(key.value), `${renamed.name} is there too; remove one of them`),
      ]);
    upgraded = spliced(upgraded, value, scalarText(key, String(renamed.value)));
    upgraded = spliced(upgraded, key, scalarText(key, renamed.name));
  }
  const fields = found.map(({ key, value, renamed }) => ({
    line: source.lineOf(start(key)),
    before: `${key.value}: ${text.slice(start(value), end(value))}`,
    after: `${renamed.name}: ${renamed.value}`,
  }));
  return { text: upgraded, fields };
}

/** The schema that knows most of a document's own fields; null where none knows any. */
function schemaOf(root: ParsedNode | null, schemas: readonly SchemaNode[]): SchemaNode | null {
  let best: SchemaNode | null = null;
  let most = 0;
  for (const schema of schemas) {
    const known = pairsOf(root).filter(({ key }) => isKnown(schema, String((key as Scalar).value))).length;
    if (known <= most) continue;
    most = known;
    best = schema;
  }
  return best;
}

function isKnown(schema: SchemaNode, name: string): boolean {
  return Object.hasOwn(schema.properties ?? {}, name) || renamedField([schema], name, null) !== null;
}

interface OutdatedField {
  readonly key: Scalar;
  readonly value: ParsedNode;
  readonly siblings: readonly Pair[];
  readonly renamed: Renamed;
}

type Resolve = (alias: Extract<ParsedNode, { resolve: unknown }>) => unknown;

/** In the order of the text. */
function outdatedFields(node: ParsedNode | null, nodes: readonly SchemaNode[], resolve: Resolve): OutdatedField[] {
  if (isSeq(node))
    return node.items.flatMap((item, i) =>
      outdatedFields(
        item as ParsedNode,
        nodes.flatMap((each) => below(each, i)),
        resolve,
      ),
    );
  const siblings = pairsOf(node);
  return siblings.flatMap((pair) => {
    const key = pair.key as Scalar;
    const value = pair.value as ParsedNode | null;
    if (value === null) return [];
    const renamed = renaming(nodes, String(key.value), numberOf(value, resolve));
    if (renamed !== null) return [{ key, value, siblings, renamed }];
    return outdatedFields(
      value,
      nodes.flatMap((each) => below(each, String(key.value))),
      resolve,
    );
  });
}

/** Null where a field is as it should be, or where it is not clear what is meant. */
function renaming(nodes: readonly SchemaNode[], name: string, number: number | null): Renamed | null {
  if (number === null) return null;
  // A size had its unit in what it is, where its name had none.
  if (measuredBy(nodes, name) === 'size') return { name, value: formatQuantity('size', number) };
  return renamedField(nodes, name, number);
}

function numberOf(value: ParsedNode, resolve: Resolve): number | null {
  const scalar = 'resolve' in value ? resolve(value) : value;
  return isScalar(scalar) && typeof scalar.value === 'number' ? scalar.value : null;
}

function pairsOf(node: ParsedNode | null): Pair[] {
  return isMap(node) ? (node.items as Pair[]).filter(({ key }) => isScalar(key)) : [];
}

function start(node: ParsedNode | Scalar): number {
  return node.range?.[0] ?? 0;
}

function end(node: ParsedNode | Scalar): number {
  return node.range?.[1] ?? 0;
}

function spliced(text: string, node: ParsedNode | Scalar, put: string): string {
  return text.slice(0, start(node)) + put + text.slice(end(node));
}

/** In JSON all is quoted, and there a key is. */
function scalarText(key: Scalar, text: string): string {
  return key.type === 'QUOTE_DOUBLE' ? JSON.stringify(text) : text;
}
