import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';

/** What a JSON schema says, as far as defaults are concerned. */
export interface JsonSchema {
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
}

/** A value in an example whose field has a default. */
export interface DefaultedValue {
  readonly path: string;
  /** The line that its field stands in, with its comment. */
  readonly line: string;
  readonly value: unknown;
  readonly default: unknown;
}

/** The values of an example, in YAML, whose fields have a default in the schema. */
export function defaultedValues(example: string, schema: JsonSchema): DefaultedValue[] {
  const lineCounter = new LineCounter();
  const lines = example.split('\n');
  const { contents } = parseDocument(example, { lineCounter });
  const visit = (node: Node | null, schemas: readonly JsonSchema[], path: string, line: string): DefaultedValue[] => {
    if (isSeq<Node>(node)) {
      const items = schemas.flatMap((each) => alternatives(each)).flatMap((each) => each.items ?? each);
      return node.items.flatMap((item, i) => visit(item, items, `${path}[${i}]`, line));
    }
    if (isMap<Node, Node>(node))
      return node.items.flatMap(({ key, value }) => {
        const name = String(key);
        const at = lines[lineCounter.linePos(key.range?.[0] ?? 0).line - 1] ?? '';
        return visit(
          value,
          schemas.flatMap((each) => fieldsOf(each, name)),
          `${path}.${name}`,
          at,
        );
      });
    const withDefault = schemas.find((each) => each.default !== undefined);
    if (!isScalar(node) || withDefault === undefined) return [];
    return [{ path, line, value: node.value, default: withDefault.default }];
  };
  return visit(contents as Node | null, [schema], '', '');
}

function alternatives(schema: JsonSchema): JsonSchema[] {
  return schema.anyOf === undefined ? [schema] : schema.anyOf.flatMap(alternatives);
}

/** The schemas of a field; also where what it is a field of may stand without its list. */
function fieldsOf(schema: JsonSchema, name: string): JsonSchema[] {
  return alternatives(schema).flatMap(({ properties, additionalProperties, items }) => {
    const own = properties?.[name] ?? items?.properties?.[name];
    if (own !== undefined) return [own];
    return typeof additionalProperties === 'object' ? [additionalProperties] : [];
  });
}
