/** Options that took milliseconds in earlier releases, and take a time with its unit now, by the same name without the `-ms`. */
const FORMER = new Set(['--lease-ms', '--check-ms', '--refresh-ms', '--gone-after-ms', '--ttl-ms']);

/** How an option of an earlier release is called now; null where it never was one. */
export function presentName(option: string): string | null {
  return FORMER.has(option) ? option.replace(/-ms$/, '') : null;
}

/**
 * A command line with such options as they are written now: `--lease-ms 500` becomes `--lease 500ms`. What stands behind `--` is
 * another program's.
 * @param report called for each, with a text for people
 */
export function withoutFormerOptions(argv: readonly string[], report: (line: string) => void): string[] {
  const written: string[] = [];
  const end = argv.indexOf('--');
  const own = argv.slice(0, end < 0 ? argv.length : end);
  for (let i = 0; i < own.length; i++) {
    const argument = own[i] as string;
    const [option = '', inline] = argument.split('=', 2);
    const value = inline ?? own[i + 1];
    const name = presentName(option);
    if (name === null || value === undefined || !/^\d+$/.test(value)) {
      written.push(argument);
      continue;
    }
    written.push(name, `${value}ms`);
    report(`${option} ${value} is read as ${name} ${value}ms`);
    if (inline === undefined) i++;
  }
  return [...written, ...argv.slice(own.length)];
}
