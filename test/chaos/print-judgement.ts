/** Of each rule. */
const SHOWN = 10;

/** Tells what a checker has counted and found, for people. */
export function printJudgement(
  judgement: {
    readonly violations: ReadonlyArray<{ readonly rule: string; readonly what: string }>;
    readonly counts: object;
  },
  print: (line: string) => void,
): void {
  print('');
  for (const [name, count] of Object.entries(judgement.counts)) print(`${name.padEnd(20)} ${count}`);
  print(`${'violations'.padEnd(20)} ${judgement.violations.length}`);
  const rules = new Map<string, string[]>();
  for (const { rule, what } of judgement.violations) rules.set(rule, [...(rules.get(rule) ?? []), what]);
  for (const [rule, whats] of rules) {
    print(`  ${rule}: ${whats.length}`);
    for (const what of whats.slice(0, SHOWN)) print(`    ${what}`);
  }
}
