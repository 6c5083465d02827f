/** One fault of a config file: where it is, and how to mend it. */
export interface ConfigFault {
  readonly file: string;
  /** From 1; 0 where the fault is in no one place. */
  readonly line: number;
  readonly column: number;
  /** Dotted, such as `clusters.docs.placement`; empty for the whole. */
  readonly path: string;
  readonly message: string;
}

/** A config that cannot be used. The message has a line for each fault. */
export class ConfigError extends Error {
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[], options?: ErrorOptions) {
    super(faults.map(faultText).join('\n'), options);
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

function faultText({ file, line, column, path, message }: ConfigFault): string {
  const place = line > 0 ? `${file}:${line}:${column}` : `${file}:`;
  return path === '' ? `${place} ${message}` : `${place} ${path}: ${message}`;
}
