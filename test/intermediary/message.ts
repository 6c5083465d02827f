/** The versions of HTTP on either side of the router. */
export type Version = 'h1' | 'h2';

export type Fields = ReadonlyArray<readonly [name: string, value: string]>;

/** What a peer of a test says; how its version of HTTP writes it, `http1-wire.ts` and `http2-wire.ts` know. */
export interface Said {
  readonly fields?: Fields;
  /** Its pieces are sent one by one. */
  readonly content?: string | readonly string[];
  readonly trailers?: Fields;
  /**
   * How it ends: with the last that is said (the rule), by an empty frame of its own, or never. The end of HTTP/1.1 follows from its
   * framing alone.
   */
  readonly end?: 'late' | 'never';
  /** The bytes themselves, where HTTP/1.1 is spoken. */
  readonly raw?: string;
}

export interface Request extends Said {
  readonly method?: string;
  /** Behind the first segment, which says the shard's version. */
  readonly path?: string;
  /** The whole target, as it stands. */
  readonly target?: string;
  /** Null: none is said. */
  readonly authority?: string | null;
  /** Of an extended CONNECT. */
  readonly protocol?: string;
}

export interface Answer extends Said {
  readonly status?: number;
  /** What goes before it. */
  readonly informational?: ReadonlyArray<{ readonly status: number; readonly fields?: Fields }>;
  /** It is given as soon as the request's head has come; else behind its end. */
  readonly early?: boolean;
  /** The connection ends behind it. */
  readonly closes?: boolean;
}

/** A message as it came in. */
export class Got {
  /** Method and target of a request, a status for an answer. */
  method = '';
  target = '';
  status = 0;
  fields: Array<readonly [string, string]> = [];
  content = '';
  trailers: Array<readonly [string, string]> = [];
  informational: number[] = [];
  end: 'open' | 'complete' | 'reset' | 'closed' = 'open';
  /** Of a reset. */
  code = -1;

  /** A field's lines, as one value; null where there is none. */
  value(name: string): string | null {
    const lines = this.fields.filter(([each]) => each === name).map(([, value]) => value);
    return lines.length === 0 ? null : lines.join(', ');
  }

  trailer(name: string): string | null {
    return this.trailers.find(([each]) => each === name)?.[1] ?? null;
  }

  names(): string[] {
    return this.fields.map(([name]) => name);
  }
}

export function pieces({ content }: Said): readonly string[] {
  if (content === undefined) return [];
  return typeof content === 'string' ? [content] : content;
}
