import { formatQuantity, type Quantity, quantityOf } from './quantity-fields.ts';
import { alternatives, below, type SchemaNode } from './schema-node.ts';

/**
 * The units that names of fields had, and how many milliseconds or bytes one is: `windowMs: 5000` was what `window: 5s` is,
 * `leastContentBytesPerSecond: 100` what `leastContentPerSecond: 100B` is.
 */
const UNIT_IN_NAME = /(Ms|Seconds|Bytes)(?=$|Per[A-Z])/;
const FACTORS: Readonly<Record<string, { readonly quantity: Quantity; readonly factor: number }>> = {
  Ms: { quantity: 'duration', factor: 1 },
  Seconds: { quantity: 'duration', factor: 1000 },
  Bytes: { quantity: 'size', factor: 1 },
};

/** Where the bare name would say too little, or was taken. */
const ENDINGS = ['', 'Size', 'Timeout'];

/** How a field that had its unit in its name is written now. */
export interface Renamed {
  readonly name: string;
  /** The value with its unit; the same as before where it is no number. */
  readonly value: unknown;
}

/**
 * What has become of a field that had its unit in its name.
 * @param nodes what the schema has for the mapping that the field stands in
 * @returns null where it never was one
 */
export function renamedField(nodes: readonly SchemaNode[], key: string, value: unknown): Renamed | null {
  const unit = FACTORS[UNIT_IN_NAME.exec(key)?.[1] ?? ''];
  if (unit === undefined) return null;
  const { quantity, factor } = unit;
  const bare = key.replace(UNIT_IN_NAME, '');
  const name = ENDINGS.map((ending) => bare + ending).find((each) => measuredBy(nodes, each) === quantity);
  if (name === undefined) return null;
  return { name, value: typeof value === 'number' ? formatQuantity(quantity, value * factor) : value };
}

/** What a field of a mapping measures; null where it is no field with a unit. */
export function measuredBy(nodes: readonly SchemaNode[], name: string): Quantity | null {
  const fields = nodes.flatMap(alternatives).flatMap((node) => below(node, name));
  return (
    fields
      .flatMap(alternatives)
      .map(quantityOf)
      .find((each) => each !== null) ?? null
  );
}
