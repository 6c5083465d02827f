/** What became of one test. */
export interface Outcome {
  readonly result: 'passed' | 'failed' | 'skipped';
  /** Why it failed, as far as its suite says so. */
  readonly message: string;
}

/** By the names of the tests. */
export type Outcomes = ReadonlyMap<string, Outcome>;

/** A test that passes with a server and does not pass through the router. */
export interface Worse {
  readonly test: string;
  readonly message: string;
}

export function countOf(outcomes: Outcomes, result: Outcome['result']): number {
  return [...outcomes.values()].filter((outcome) => outcome.result === result).length;
}

/** The tests that pass with a server and do not pass through the router, or did not come to run. */
export function worse(direct: Outcomes, through: Outcomes): Worse[] {
  return [...direct].flatMap(([test, { result }]) => {
    const other = through.get(test);
    if (result !== 'passed' || other?.result === 'passed') return [];
    return [{ test, message: other === undefined ? 'it did not run' : `${other.result} ${other.message}`.trim() }];
  });
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function decoded(text: string): string {
  return text.replaceAll(
    /&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi,
    (whole, decimal?: string, hex?: string, name?: string) =>
      name === undefined
        ? String.fromCodePoint(decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal))
        : (ENTITIES[name] ?? whole),
  );
}

function attributeOf(attributes: string, name: string): string {
  return decoded(new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? '');
}

/** Longer messages are cut: the first line says which command was refused. */
const MAX_MESSAGE = 300;

/** What a JUnit report says. Tests of the same name are told apart by their order. */
export function junitOutcomes(report: string): Outcomes {
  const outcomes = new Map<string, Outcome>();
  for (const [, attributes = '', content = ''] of report.matchAll(
    /<testcase\b((?:[^>"]|"[^"]*")*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g,
  )) {
    const name = `${attributeOf(attributes, 'classname')}.${attributeOf(attributes, 'name')}`;
    let unique = name;
    for (let i = 2; outcomes.has(unique); i++) unique = `${name} #${i}`;
    const [, kind, of = '', inner = ''] =
      /<(failure|error|skipped)\b((?:[^>"]|"[^"]*")*?)(?:\/>|>([\s\S]*?)<\/\1>)/.exec(content) ?? [];
    const message = `${attributeOf(of, 'message')} ${decoded(inner)}`.trim().slice(0, MAX_MESSAGE);
    const result = kind === undefined ? 'passed' : kind === 'skipped' ? 'skipped' : 'failed';
    outcomes.set(unique, { result, message: result === 'passed' ? '' : message });
  }
  return outcomes;
}
