/** Of each rule. */
const SHOWN = 10;

/** Tells what a checker has counted and found, for people. */
export function tellJudgement(
  judgement: {
    readonly violations: ReadonlyArray<{ readonly rule: string; readonly what: string }>;
    readonly counts: object;
  },
  tell: (line: string) => void,
): void {
  tell('');
  for (const [name, count] of Object.entries(judgement.counts)) tell(`${name.padEnd(20)} ${count}`);
  tell(`${'violations'.padEnd(20)} ${judgement.violations.length}`);
  const rules = new Map<string, string[]>();
  for (const { rule, what } of judgement.violations) rules.set(rule, [...(rules.get(rule) ?? []), what]);
  for (const [rule, whats] of rules) {
    tell(`  ${rule}: ${whats.length}`);
    for (const what of whats.slice(0, SHOWN)) tell(`    ${what}`);
  }
}
