/** One error in a document that people write: where it is, and how to fix it. */
export interface DocumentFault {
  readonly file: string;
  /** From 1; 0 where the fault is in no one place. */
  readonly line: number;
  readonly column: number;
  /** Dotted, such as `clusters.docs.placement`; empty for the whole. */
  readonly path: string;
  readonly message: string;
}

/** A document that cannot be used. The message has a line for each fault. */
export class DocumentError extends Error {
  readonly faults: readonly DocumentFault[];

  constructor(faults: readonly DocumentFault[], options?: ErrorOptions) {
    super(faults.map(faultText).join('\n'), options);
    this.name = 'DocumentError';
    this.faults = faults;
  }
}

function faultText({ file, line, column, path, message }: DocumentFault): string {
  const place = line > 0 ? `${file}:${line}:${column}` : `${file}:`;
  return path === '' ? `${place} ${message}` : `${place} ${path}: ${message}`;
}
