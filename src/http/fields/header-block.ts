import type { Field } from './field.ts';

/**
 * A list of fields under way: filled by a decoder, changed by the layer above, written by an encoder. One is reused for
 * every message of a thread; code that needs it for longer takes `copy`.
 */
export class HeaderBlock {
  readonly fields: Field[] = [];
  /** How many of `fields` count; what lies beyond is left from earlier messages. */
  count = 0;
  /** The list's size as SETTINGS_MAX_HEADER_LIST_SIZE counts it (RFC 9113, 6.5.2). */
  listSize = 0;
  /** An upper bound of its coded length. */
  wireBound = 0;
  /** The list was larger than allowed: fields are missing from it. */
  tooLarge = false;

  clear(): void {
    this.count = 0;
    this.listSize = 0;
    this.wireBound = 0;
    this.tooLarge = false;
  }

  push(field: Field): void {
    this.fields[this.count++] = field;
    this.listSize += field.size;
    this.wireBound += field.wireBound;
  }

  /** Removes the field at `index`, keeping the order of the others. */
  remove(index: number): void {
    this.wireBound -= (this.fields[index] as Field).wireBound;
    this.listSize -= (this.fields[index] as Field).size;
    this.fields.copyWithin(index, index + 1, this.count);
    this.count--;
  }

  /** Removes the fields that `unwanted` says, keeping the order of the others. */
  removeWhere(unwanted: (field: Field) => boolean): void {
    const { fields, count } = this;
    let kept = 0;
    for (let i = 0; i < count; i++) {
      const field = fields[i] as Field;
      if (unwanted(field)) {
        this.wireBound -= field.wireBound;
        this.listSize -= field.size;
      } else fields[kept++] = field;
    }
    this.count = kept;
  }

  /** Puts another field in the place of the one at `index`. */
  replace(index: number, field: Field): void {
    const replaced = this.fields[index] as Field;
    this.wireBound += field.wireBound - replaced.wireBound;
    this.listSize += field.size - replaced.size;
    this.fields[index] = field;
  }

  /** The fields as they are now. */
  copy(): Field[] {
    return this.fields.slice(0, this.count);
  }

  /** Replaces the content. */
  set(fields: readonly Field[]): void {
    this.clear();
    for (const field of fields) this.push(field);
  }

  /** The first value of a field, for tests and rare paths; the per-request path goes over the fields itself. */
  get(name: string): string | undefined {
    for (let i = 0; i < this.count; i++) {
      const field = this.fields[i] as Field;
      if (field.name.text === name) return field.text;
    }
    return undefined;
  }
}
