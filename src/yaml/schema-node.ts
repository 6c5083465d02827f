import { isAbsolute, join } from 'node:path';
import { z } from 'zod';
import type { Path } from './path.ts';
import { formatQuantity, quantityOf } from './quantity-fields.ts';

/** The format, in a JSON schema, of a field that names a file or a folder. */
const PATH_FORMAT = 'path';

/** A file or a folder: a relative path is taken from the folder of the document that names it. A default is not. */
export const filePath = z.string().min(1).meta({ format: PATH_FORMAT });

/** In place of a path: standard input or output. */
const STANDARD_STREAM = '-';

/** What is looked at of a JSON schema. */
export interface SchemaNode {
  readonly format?: string;
  readonly pattern?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode;
  /** One of several may stand alone: alone, or in a list. */
  readonly anyOf?: readonly SchemaNode[];
}

/** What a schema has for a step below one of its nodes: several things where it leaves a choice. */
export function below(node: SchemaNode, step: string | number): SchemaNode[] {
  const { properties, additionalProperties, items, anyOf = [] } = node;
  const others = typeof additionalProperties === 'object' ? additionalProperties : undefined;
  const own =
    typeof step === 'number'
      ? items
      : properties !== undefined && Object.hasOwn(properties, step)
        ? properties[step]
        : others;
  return [...(own === undefined ? [] : [own]), ...anyOf.flatMap((each) => below(each, step))];
}

/** The fields that a schema knows at a path. */
export function knownFields(schema: object, path: Path): string[] {
  return [...new Set(nodesAt(schema, path).flatMap((node) => Object.keys(node.properties ?? {})))];
}

/** What a schema has at a path: several things where it leaves a choice. */
export function nodesAt(schema: object, path: Path): SchemaNode[] {
  let nodes: readonly SchemaNode[] = [schema as SchemaNode];
  for (const step of path) nodes = nodes.flatMap((node) => alternatives(node).flatMap((each) => stepInto(each, step)));
  return nodes.flatMap(alternatives);
}

/** A list of which one may stand alone is not in the way: the step into it is not written. */
function stepInto(node: SchemaNode, step: string | number): SchemaNode[] {
  const found = below(node, step);
  return found.length === 0 && typeof step === 'number' ? [node] : found;
}

/** What a node may be: itself, or one of the forms that it leaves a choice of. */
export function alternatives(node: SchemaNode): SchemaNode[] {
  return [node, ...(node.anyOf ?? []).flatMap(alternatives)];
}

/** The same document with the relative paths that it names taken from a folder: the one that it stands in. */
export function withPathsFrom(folder: string, value: unknown, schema: object): unknown {
  return mapped(value, [schema as SchemaNode], (each, nodes) => {
    const isPath = typeof each === 'string' && nodes.some(({ format }) => format === PATH_FORMAT);
    return isPath && each !== '' && each !== STANDARD_STREAM && !isAbsolute(each) ? join(folder, each) : each;
  });
}

/** A document's values, once it has been read, as they are written: durations and sizes with their units. */
export function asWritten(value: unknown, schema: object): unknown {
  return mapped(value, [schema as SchemaNode], (each, nodes) =>
    typeof each === 'number' ? writtenNumber(each, nodes) : each,
  );
}

function writtenNumber(value: number, nodes: readonly SchemaNode[]): number | string {
  const quantity = nodes.map(quantityOf).find((each) => each !== null);
  return quantity === undefined || quantity === null ? value : formatQuantity(quantity, value);
}

/** A copy of a document with each of its scalars changed by a function, which gets what the schema has for it. */
function mapped(
  value: unknown,
  nodes: readonly SchemaNode[],
  change: (value: unknown, nodes: readonly SchemaNode[]) => unknown,
): unknown {
  const child = (each: unknown, step: string | number): unknown =>
    mapped(
      each,
      nodes.flatMap((node) => below(node, step)),
      change,
    );
  if (Array.isArray(value)) return value.map(child);
  if (typeof value !== 'object' || value === null) return change(value, nodes.flatMap(alternatives));
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, child(each, key)]));
}
