import { type Document, LineCounter, type ParsedNode, parseDocument } from 'yaml';
import { DocumentError, type DocumentFault } from './document-error.ts';

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
    if (error !== undefined) throw new DocumentError([this.faultAt(error.pos[0], '', `not YAML: ${error.message}`)]);
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
