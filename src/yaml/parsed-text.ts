import { type Document, LineCounter, type ParsedNode, parseDocument, visit, type YAMLError } from 'yaml';
import { DocumentError, type DocumentFault } from './document-error.ts';
import { excerpt } from './excerpt.ts';

/** A YAML text, read, that knows where in it something stands. */
export class ParsedText {
  readonly text: string;
  readonly file: string;
  readonly document: Document.Parsed<ParsedNode>;
  readonly #lines = new LineCounter();

  /** @param file the name for messages. @throws DocumentError where the text is not YAML */
  constructor(text: string, file: string) {
    this.text = text;
    this.file = file;
    this.document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
    const [error] = this.document.errors;
    if (error !== undefined) throw new DocumentError([this.faultAt(error.pos[0], '', textOf(error))]);
  }

  /** As plain data. @throws DocumentError where it refers to what is not there, or multiplies what is */
  get value(): unknown {
    try {
      return this.document.toJS();
    } catch (cause) {
      const message = `not YAML: ${excerpt((cause as Error).message)}`;
      throw new DocumentError([this.faultAt(this.#lostAlias(), '', message)], { cause });
    }
  }

  /** Where it refers to what is not there; its beginning where it does not. */
  #lostAlias(): number {
    let offset = 0;
    visit(this.document, {
      Alias: (_key, alias) => {
        if (alias.resolve(this.document) !== undefined) return undefined;
        offset = alias.range?.[0] ?? 0;
        return visit.BREAK;
      },
    });
    return offset;
  }

  /** The line of an offset, from 1. */
  lineOf(offset: number): number {
    return this.#lines.linePos(offset).line;
  }

  /** @param path of the value at fault, for people */
  faultAt(offset: number, path: string, message: string): DocumentFault {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.file, line, column: col, path, message };
  }
}

function textOf({ code, message }: YAMLError): string {
  // The parser's own words are for programs that call it.
  if (code === 'MULTIPLE_DOCS') return 'holds several documents (---), and may hold one';
  return `not YAML: ${excerpt(message)}`;
}
