import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isMap, isScalar, isSeq, LineCounter, type ParsedNode, parseDocument } from 'yaml';
import { z } from 'zod';
import { fileFault } from '../runtime/foreign-errors.ts';
import { DocumentError, type DocumentFault } from './document-error.ts';
import { didYouMean } from './nearest-name.ts';
import { ownWords } from './own-words.ts';
import type { Path } from './path.ts';
import { knownFields, withPathsFrom } from './schema-node.ts';

/** Tells of a fault at a value. */
export type Report = (path: Path, message: string) => void;

/** The text of a file that people write. @throws DocumentError */
export function readDocument(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new DocumentError([{ file, line: 0, column: 0, path: '', message: fileFault(cause) }], { cause });
  }
}

/**
 * Reads YAML (of which JSON is a part) as a schema has it, and then as `build` makes of it, which reports what no schema
 * can find.
 * @param file the name for messages
 * @param jsonSchema where it is not simply the schema's own
 * @throws DocumentError naming every fault with line, column, field and mend
 */
export function parseYaml<Schema extends z.ZodType, Result>(
  text: string,
  file: string,
  schema: Schema,
  build: (value: z.output<Schema>, report: Report) => Result,
  jsonSchema: () => object = () => z.toJSONSchema(schema, { io: 'input' }),
): Result {
  const source = new YamlSource(text, file, jsonSchema);
  const parsed = schema.safeParse(source.value, { error: ownWords });
  if (!parsed.success) throw new DocumentError(parsed.error.issues.flatMap((issue) => source.faultsOf(issue)));
  const faults: DocumentFault[] = [];
  const result = build(parsed.data, (path, message) => faults.push(source.fault(path, message)));
  if (faults.length > 0) throw new DocumentError(faults);
  return result;
}

/**
 * The same for data that a program has written and that has no lines: faults are told by their paths.
 * @param source the name for messages
 */
export function checkDocument<Schema extends z.ZodType, Result>(
  value: unknown,
  source: string,
  schema: Schema,
  build: (value: z.output<Schema>, report: Report) => Result,
): Result {
  const faults: DocumentFault[] = [];
  const report = (path: Path, message: string): void => {
    faults.push({ file: source, line: 0, column: 0, path: path.join('.'), message });
  };
  const parsed = schema.safeParse(value, { error: ownWords });
  for (const issue of parsed.error?.issues ?? []) {
    const path = issue.path as Path;
    if (issue.code !== 'unrecognized_keys') report(path, issue.message);
    else {
      const known = knownFields(z.toJSONSchema(schema, { io: 'input' }), path);
      for (const key of issue.keys) report([...path, key], unknownField(key, known));
    }
  }
  const result = parsed.success ? build(parsed.data, report) : null;
  if (faults.length > 0) throw new DocumentError(faults);
  return result as Result;
}

/** A YAML text that can tell where in it a value stands. */
class YamlSource {
  readonly #lines = new LineCounter();
  readonly #file: string;
  readonly #document;
  readonly #jsonSchema: () => object;
  readonly value: unknown;

  constructor(text: string, file: string, jsonSchema: () => object) {
    this.#file = file;
    this.#jsonSchema = jsonSchema;
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
    const [error] = this.#document.errors;
    if (error !== undefined) {
      const { line, col } = this.#lines.linePos(error.pos[0]);
      throw new DocumentError([{ file, line, column: col, path: '', message: `not YAML: ${error.message}` }]);
    }
    this.value = withPathsFrom(dirname(file), this.#document.toJS(), jsonSchema());
  }

  /** A fault at a value; where the value is missing, at the nearest thing around it. */
  fault(checked: Path, message: string, key?: string): DocumentFault {
    const path = this.#asWritten(checked);
    const offset = this.#offsetOf(path, key);
    const { line, col } = offset === undefined ? { line: 1, col: 1 } : this.#lines.linePos(offset);
    const dotted = [...path, ...(key === undefined ? [] : [key])].join('.');
    return { file: this.#file, line, column: col, path: dotted, message };
  }

  /** Without the steps into a list that the file has not: where one of several may stand alone. */
  #asWritten(path: Path): Path {
    const written: Array<string | number> = [];
    for (const step of path) {
      const node = this.#document.getIn(written, true);
      if (typeof step !== 'number' || isSeq(node)) written.push(step);
    }
    return written;
  }

  #offsetOf(path: Path, key: string | undefined): number | undefined {
    for (let length = path.length; length >= 0; length--) {
      const node = this.#document.getIn(path.slice(0, length), true) as ParsedNode | undefined;
      if (key !== undefined && length === path.length && isMap(node)) {
        const pair = node.items.find((item) => isScalar(item.key) && item.key.value === key);
        if (pair !== undefined) return (pair.key as ParsedNode).range[0];
      }
      if (node?.range != null) return node.range[0];
    }
    return undefined;
  }

  faultsOf(issue: z.core.$ZodIssue): DocumentFault[] {
    const path = issue.path as Path;
    if (issue.code === 'unrecognized_keys') {
      const known = knownFields(this.#jsonSchema(), path);
      return issue.keys.map((key) => this.fault(path, unknownField(key, known), key));
    }
    if (issue.code === 'invalid_key') return [this.fault(path, issue.issues[0]?.message ?? issue.message)];
    return [this.fault(path, issue.message)];
  }
}

function unknownField(key: string, known: readonly string[]): string {
  const others = known.length === 0 ? '; here stands a value, and no fields' : `; known ones are ${known.join(', ')}`;
  return `there is no such field${didYouMean(key, known) || others}`;
}
