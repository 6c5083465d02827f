import { printableLine } from '../../runtime/printable.ts';

/** Text in columns, as wide as their widest cell; no space at a line's end. */
export function table(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const all = [head, ...rows.map((row) => row.map(printableLine))];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const lines = all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] as number))
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}

/**
 * A listing: a table for people, or one JSON object a line for programs.
 * @param nothing what people are told where there are no rows; without it they see the head alone
 */
export function listing<Row extends object>(
  rows: readonly Row[],
  columns: Readonly<Record<string, (row: Row) => string | number>>,
  json: boolean,
  nothing?: string,
): string {
  if (json) return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  if (rows.length === 0 && nothing !== undefined) return `${nothing}\n`;
  const names = Object.keys(columns);
  return table(
    names,
    rows.map((row) => names.map((name) => String(columns[name]?.(row)))),
  );
}
