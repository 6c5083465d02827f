import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isMap, isScalar, isSeq, type ParsedNode } from 'yaml';
import { z } from 'zod';
import { fileFault } from '../runtime/foreign-errors.ts';
import { notice } from '../runtime/notices.ts';
import { DocumentError, type DocumentFault } from './document-error.ts';
import { excerpt } from './excerpt.ts';
import { renamedField } from './former-names.ts';
import { didYouMean } from './nearest-name.ts';
import { ownWords } from './own-words.ts';
import { ParsedText } from './parsed-text.ts';
import type { Path } from './path.ts';
import { knownFields, nodesAt, withPathsFrom } from './schema-node.ts';
import { upgradeParsed } from './upgrade.ts';

/** Reports a fault at a value. */
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
 * can find. Fields by the names that earlier releases had for them are read too, with a notice.
 * @param file the name for messages
 * @param jsonSchema where it is not simply the schema's own
 * @throws DocumentError naming every fault with its line, column, field and fix
 */
export function parseYaml<Schema extends z.ZodType, Result>(
  text: string,
  file: string,
  schema: Schema,
  build: (value: z.output<Schema>, report: Report) => Result,
  jsonSchema: () => object = () => z.toJSONSchema(schema, { io: 'input' }),
): Result {
  const json = jsonSchema();
  const source = new YamlSource(asWrittenNow(new ParsedText(text, file), json), json);
  const parsed = schema.safeParse(source.value, { error: ownWords });
  if (!parsed.success)
    throw new DocumentError(parsed.error.issues.flatMap(meant).flatMap((issue) => source.faultsOf(issue)));
  const faults: DocumentFault[] = [];
  const result = build(parsed.data, (path, message) => faults.push(source.fault(path, message)));
  if (faults.length > 0) throw new DocumentError(faults);
  return result;
}

/** A file of an earlier release as this one writes it. */
function asWrittenNow(source: ParsedText, jsonSchema: object): ParsedText {
  const upgraded = upgradeParsed(source, [jsonSchema], 'former names');
  const [first, ...others] = upgraded?.fields ?? [];
  if (upgraded === null || first === undefined) return source;
  const { file } = source;
  const { line, before, after } = first;
  const more = others.length === 0 ? '' : `, and ${others.length} more fields of an earlier release`;
  notice(`${file}:${line} ${before} is read as ${after}${more}; keyway config upgrade ${file} rewrites the file`);
  return new ParsedText(upgraded.text, file);
}

/**
 * The same for data that a program has written and that has no lines: faults are reported by their paths.
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
  for (const issue of (parsed.error?.issues ?? []).flatMap(meant)) {
    const path = issue.path as Path;
    if (issue.code !== 'unrecognized_keys') report(path, issue.message);
    else {
      const json = z.toJSONSchema(schema, { io: 'input' });
      for (const key of issue.keys) report([...path, key], unknownField(json, path, key, value));
    }
  }
  const result = parsed.success ? build(parsed.data, report) : null;
  if (faults.length > 0) throw new DocumentError(faults);
  return result as Result;
}

/** A YAML text that knows where in it a value stands. */
class YamlSource {
  readonly #source: ParsedText;
  readonly #jsonSchema: object;
  readonly value: unknown;

  constructor(source: ParsedText, jsonSchema: object) {
    this.#source = source;
    this.#jsonSchema = jsonSchema;
    this.value = withPathsFrom(dirname(source.file), source.value, jsonSchema);
  }

  /** A fault at a value; where the value is missing, at the nearest thing around it. */
  fault(checked: Path, message: string, key?: string): DocumentFault {
    const path = this.#asWritten(checked);
    const offset = this.#offsetOf(path, key);
    const dotted = [...path, ...(key === undefined ? [] : [excerpt(key)])].join('.');
    return this.#source.faultAt(offset ?? 0, dotted, message);
  }

  /** Without the steps into a list that the file has not: where one of several may stand alone. */
  #asWritten(path: Path): Path {
    const written: Array<string | number> = [];
    for (const step of path) {
      const node = this.#source.document.getIn(written, true);
      if (typeof step !== 'number' || isSeq(node)) written.push(step);
    }
    return written;
  }

  #offsetOf(path: Path, key: string | undefined): number | undefined {
    for (let length = path.length; length >= 0; length--) {
      const node = this.#source.document.getIn(path.slice(0, length), true) as ParsedNode | undefined;
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
      const unknown = (key: string): string => unknownField(this.#jsonSchema, path, key, this.value, this.#source.file);
      return issue.keys.map((key) => this.fault(path, unknown(key), key));
    }
    if (issue.code === 'invalid_key') return [this.fault(path, issue.issues[0]?.message ?? issue.message)];
    return [this.fault(path, issue.message)];
  }
}

/**
 * The faults of a value that may have one of several forms: those of the form that was meant, where that can be told by what kind
 * of value it is.
 */
function meant(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const isOtherKind = ({ code, path }: z.core.$ZodIssue): boolean =>
    path.length === 0 && (code === 'invalid_type' || code === 'invalid_value');
  const forms = issue.errors.filter((faults) => !faults.some(isOtherKind));
  const [form] = forms;
  if (form === undefined || forms.length > 1) return [issue];
  return form.map((each) => ({ ...each, path: [...issue.path, ...each.path] })).flatMap(meant);
}

/** @param file the document's, where a command can rewrite it */
function unknownField(schema: object, path: Path, key: string, document: unknown, file?: string): string {
  const renamed = renamedField(nodesAt(schema, path), key, valueAt(document, [...path, key]));
  if (renamed !== null) {
    const written = typeof renamed.value === 'string' ? `: write ${renamed.name}: ${renamed.value}` : '';
    const rewrite = file === undefined ? '' : `; keyway config upgrade ${file} rewrites the file`;
    return `is ${renamed.name} now${written}${rewrite}`;
  }
  const known = knownFields(schema, path);
  const others = known.length === 0 ? '; a value belongs here, without fields' : `; known ones are ${known.join(', ')}`;
  return `there is no such field${didYouMean(key, known) || others}`;
}

function valueAt(document: unknown, path: Path): unknown {
  return path.reduce((value, step) => (value as Record<string | number, unknown> | undefined)?.[step], document);
}
