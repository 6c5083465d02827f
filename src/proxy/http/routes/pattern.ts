import { RE2JS } from 're2js';

/**
 * A regular expression that cannot run away: RE2's syntax and its linear time, because what it is matched against comes
 * from outside.
 */
export class Pattern {
  readonly #expression: RE2JS;

  /** @throws Error where `text` is no RE2 expression */
  constructor(text: string) {
    this.#expression = RE2JS.compile(text);
  }

  /** Whether the expression matches anywhere in `text`; `^` and `$` bind it. */
  matches(text: string): boolean {
    return this.#expression.matcher(text).find();
  }

  /** The first group's text, or the whole match's where there is no group; null where nothing matches. */
  extract(text: string): string | null {
    const matcher = this.#expression.matcher(text);
    if (!matcher.find()) return null;
    return matcher.groupCount() > 0 ? (matcher.group(1) ?? null) : matcher.group();
  }
}

/** What is wrong with an expression, or null. */
export function patternFault(text: string): string | null {
  try {
    RE2JS.compile(text);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
