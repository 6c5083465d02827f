import { isAbsolute, join } from 'node:path';
import { z } from 'zod';
import type { Path } from './path.ts';

/** The format, in a JSON schema, of a field that names a file or a folder. */
const PATH_FORMAT = 'path';

/** A file or a folder: a relative path is taken from the folder of the document that names it. A default is not. */
export const filePath = z.string().min(1).meta({ format: PATH_FORMAT });

/** In place of a path: standard input or output. */
const STANDARD_STREAM = '-';

/** What is looked at of a JSON schema. */
interface SchemaNode {
  readonly format?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode;
  /** One of several may stand alone: alone, or in a list. */
  readonly anyOf?: readonly SchemaNode[];
}

/** What a schema has for a step below one of its nodes: several things where it leaves a choice. */
function below(node: SchemaNode, step: string | number): SchemaNode[] {
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
  let nodes: readonly SchemaNode[] = [schema as SchemaNode];
  for (const step of path) nodes = nodes.flatMap((node) => alternatives(node).flatMap((each) => stepInto(each, step)));
  return [...new Set(nodes.flatMap(alternatives).flatMap((node) => Object.keys(node.properties ?? {})))];
}

/** A list of which one may stand alone is not in the way: the step into it is not written. */
function stepInto(node: SchemaNode, step: string | number): SchemaNode[] {
  const found = below(node, step);
  return found.length === 0 && typeof step === 'number' ? [node] : found;
}

function alternatives(node: SchemaNode): SchemaNode[] {
  return [node, ...(node.anyOf ?? []).flatMap(alternatives)];
}

/** The same document with the relative paths that it names taken from a folder: the one that it stands in. */
export function withPathsFrom(folder: string, value: unknown, schema: object): unknown {
  return resolved(folder, value, [schema as SchemaNode]);
}

function resolved(folder: string, value: unknown, nodes: readonly SchemaNode[]): unknown {
  if (typeof value === 'string') {
    const isPath = nodes.flatMap(alternatives).some(({ format }) => format === PATH_FORMAT);
    return isPath && value !== '' && value !== STANDARD_STREAM && !isAbsolute(value) ? join(folder, value) : value;
  }
  const child = (each: unknown, step: string | number): unknown =>
    resolved(
      folder,
      each,
      nodes.flatMap((node) => below(node, step)),
    );
  if (Array.isArray(value)) return value.map(child);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, child(each, key)]));
}
