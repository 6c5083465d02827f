import { type Field, field, type HeaderBlock, transientField } from '../../http/index.ts';
import type { Answer, MessageListener } from './answer.ts';
import { type RevisionPlace, revisionPlace } from './revision.ts';
import type { CallSettings } from './settings.ts';
import { SAMPLE, Template, type TemplateValues } from './template.ts';

/** What calls are made from. */
export interface CallSurroundings {
  /** host:port, for `:authority`. */
  readonly authority: string;
  readonly scheme: 'http' | 'https';
  /** Sent with every call; templates. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
  readonly random: () => number;
}

/** How many keys' requests are kept, so that they need not be made again: some tens of megabytes at most. */
const MAX_KEPT = 200_000;

/** A request's head, as its protocol wants it: templates. */
export interface RequestHead {
  readonly method: string;
  readonly path: string;
  readonly fields: ReadonlyArray<readonly [name: string, value: string]>;
}

interface HeaderTemplate {
  readonly name: string;
  readonly template: Template;
}

/** A call that is ready to be made again and again. One kind for each protocol. */
export abstract class PreparedCall {
  readonly name: string;
  readonly settings: CallSettings;
  /** Where an answer has its revision; null: it is not known to have one. */
  protected readonly revision: RevisionPlace | null;
  /** What is asked for, as people write it. */
  abstract readonly what: string;
  /** Of all requests: the pseudo-header fields, which come first, and the others. */
  readonly #fixedPseudo: readonly Field[];
  readonly #fixed: readonly Field[];
  /** Null where all requests have the same path. */
  readonly #path: Template | null;
  readonly #ofKey: readonly HeaderTemplate[];
  readonly #varying: readonly HeaderTemplate[];
  readonly #templates: readonly Template[];
  readonly #ok: ReadonlySet<string>;
  readonly #data: readonly Template[];
  /** By the keys' places. */
  readonly #keptFields: Field[][] = [];
  readonly #keptData: Uint8Array[] = [];
  readonly #keepsData: boolean;

  /** @param data what it sends where its settings have nothing. @throws TemplateError */
  protected constructor(
    name: string,
    settings: CallSettings,
    { method, path, fields }: RequestHead,
    { scheme, authority, headers, random }: CallSurroundings,
    data: readonly string[],
  ) {
    this.name = name;
    this.settings = settings;
    this.revision = settings.revision === undefined ? null : revisionPlace(settings.revision);
    const own = [
      [':method', method],
      [':scheme', scheme],
      [':path', path],
      [':authority', authority],
      ...fields,
      ['user-agent', 'keyway-load'],
    ] as const;
    this.#ok = new Set(settings.ok);
    const all = [...own, ...headers, ...Object.entries(settings.headers)].map(([header, value]) => ({
      name: header.toLowerCase(),
      template: new Template(value, header, random),
    }));
    const fixed = all
      .filter(({ template }) => template.isConstant)
      .map((each) => field(each.name, each.template.render(SAMPLE)));
    this.#fixedPseudo = fixed.filter(({ name: { text } }) => text.startsWith(':'));
    this.#fixed = fixed.filter(({ name: { text } }) => !text.startsWith(':'));
    const varying = all.filter(({ template }) => !template.isConstant);
    this.#path = varying.find((each) => each.name === ':path')?.template ?? null;
    const others = varying.filter((each) => each.name !== ':path');
    this.#ofKey = others.filter(({ template }) => template.dependsOnKeyAlone);
    this.#varying = others.filter(({ template }) => !template.dependsOnKeyAlone);
    this.#data = dataOf(settings, data).map((text) => new Template(text, 'the data', random));
    this.#templates = [...all.map(({ template }) => template), ...this.#data];
    this.#keepsData = this.#data.length === 1 && (this.#data[0] as Template).dependsOnKeyAlone;
  }

  /** Whether any of its templates has that name in it. */
  has(name: keyof TemplateValues): boolean {
    return this.#templates.some((template) => template.has(name));
  }

  /** Messages that a request has; 0: no content. */
  get messages(): number {
    return this.#data.length * this.settings.messages;
  }

  /** Puts the request's header section into `block`. @param place of the key among all keys */
  write(block: HeaderBlock, values: TemplateValues, place: number): void {
    block.clear();
    for (const each of this.#fixedPseudo) block.push(each);
    if (this.#path !== null) block.push(transientField(':path', this.#path.render(values)));
    for (const each of this.#fixed) block.push(each);
    for (const each of this.#fieldsOf(values, place)) block.push(each);
    for (const { name, template } of this.#varying) block.push(transientField(name, template.render(values)));
  }

  /** The request's message of that number, as it is sent. */
  message(values: TemplateValues, place: number, number: number): Uint8Array {
    const template = this.#data[number % this.#data.length] as Template;
    if (!this.#keepsData || place >= MAX_KEPT) return this.encode(template.render(values));
    const kept = this.#keptData[place];
    if (kept !== undefined) return kept;
    const made = this.encode(template.render(values));
    this.#keptData[place] = made;
    return made;
  }

  /** What cannot be sent is reported before anything is sent. @throws CallError */
  protected tryOut(): void {
    if (this.has('line')) return;
    for (const template of this.#data) this.encode(template.render(SAMPLE));
  }

  #fieldsOf(values: TemplateValues, place: number): readonly Field[] {
    const kept = this.#keptFields[place];
    if (kept !== undefined) return kept;
    const made = this.#ofKey.map(({ name, template }) => transientField(name, template.render(values)));
    if (place < MAX_KEPT) this.#keptFields[place] = made;
    return made;
  }

  isError(status: string): boolean {
    return !this.isGood(status) && !this.#ok.has(status);
  }

  /** Whether the content is one piece, whose length can stand in the head. */
  abstract get announcesLength(): boolean;
  /** Whether an answer's stream of messages may be held open. */
  abstract get isStream(): boolean;
  /** @param listener null: no listener */
  abstract answer(listener: MessageListener | null): Answer;
  /** @throws CallError where the text is no such message */
  protected abstract encode(text: string): Uint8Array;
  protected abstract isGood(status: string): boolean;
}

/** The texts of a call's messages. @param fallback where it has none of its own */
function dataOf({ data }: CallSettings, fallback: readonly string[]): readonly string[] {
  if (data === undefined) return fallback;
  return (Array.isArray(data) ? data : [data]).map((each) => (typeof each === 'string' ? each : JSON.stringify(each)));
}
