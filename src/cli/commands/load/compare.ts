import { Command } from 'commander';
import type { ComparableReport, Compared } from '../../../load/index.ts';
import { UsageError } from '../../../runtime/usage-error.ts';
import { readDocument } from '../../../yaml/index.ts';
import { table } from '../../output/table.ts';
import { writeTables } from '../../output/terminal.ts';

/** `keyway load compare`: two runs side by side. */
export function compareCommand(): Command {
  return new Command('compare')
    .description('compare two runs side by side, with ratios')
    .argument('<one>', 'the file that --json wrote')
    .argument('<other>', 'that of another run')
    .option('--json', 'print one JSON object per line')
    .addHelpText('after', '\nExample:\n  keyway load compare keyway.json envoy.json')
    .action(async (one: string, other: string, { json }: { readonly json?: true }) => {
      const { compareReports, parseReport } = await import('../../../load/index.ts');
      const [a, b] = [read(one, parseReport), read(other, parseReport)];
      const rows = compareReports(a, b);
      writeTables(
        json === true
          ? rows.map((row) => `${JSON.stringify(row)}\n`).join('')
          : `one    ${a.call} at ${a.target}, ${a.pattern}\nother  ${b.call} at ${b.target}, ${b.pattern}\n\n${text(rows)}`,
        json === true,
      );
    });
}

function read(file: string, parseReport: (text: string, file: string) => ComparableReport): ComparableReport {
  const content = readDocument(file);
  try {
    return parseReport(content, file);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function text(rows: readonly Compared[]): string {
  const number = (value: number): string => (Number.isInteger(value) ? String(value) : value.toFixed(2));
  return table(
    ['', 'one', 'other', 'ratio'],
    rows.map(({ figure, one, other, ratio }) => [
      figure,
      number(one),
      number(other),
      ratio === null ? '' : `${ratio.toFixed(2)}x`,
    ]),
  );
}
