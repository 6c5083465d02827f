/** A peer's medians in one case. */
export interface Figures {
  readonly peer: string;
  readonly cpuUs: number;
  readonly cpuUsByRound: readonly number[];
  /** Keyway's CPU a request over this peer's. */
  readonly keywayOver: number;
  readonly perSecond: number;
  readonly errors: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface CaseResult {
  readonly name: string;
  readonly kind: string;
  readonly figures: readonly Figures[];
}

export interface IdleFigure {
  readonly peer: string;
  readonly bytes: number;
}

/** The run as Markdown: CPU a request, Keyway's over each peer's, latency, memory. */
export function report(
  results: readonly CaseResult[],
  idle: readonly IdleFigure[],
  versions: Readonly<Record<string, string>>,
): string {
  const peers = Object.keys(versions);
  const parts = [
    `Peers: ${peers.map((peer) => `${peer} (${versions[peer]})`).join(', ')}.\n`,
    'CPU microseconds per request (thousand requests per second):\n',
    table(
      ['case', ...peers],
      closed(results).map(({ name, figures }) => [name, ...peers.map((peer) => cost(figures, peer))]),
    ),
    "Keyway's CPU over each peer's:\n",
    table(
      ['case', ...peers.slice(1)],
      closed(results).map((each) => [each.name, ...peers.slice(1).map((peer) => ratio(each, peer))]),
    ),
  ];
  const open = results.filter(({ kind }) => kind === 'poisson');
  if (open.length > 0)
    parts.push(
      'Latency, p50 / p99 in microseconds from the intended start:\n',
      table(
        ['case', ...peers],
        open.map(({ name, figures }) => [name, ...peers.map((peer) => latency(figures, peer))]),
      ),
    );
  if (idle.length > 0)
    parts.push(
      'Resident memory of an idle open stream:\n',
      table(
        ['peer', 'KB'],
        idle.map(({ peer, bytes }) => [peer, Number.isNaN(bytes) ? 'refused' : (bytes / 1024).toFixed(2)]),
      ),
    );
  return `${parts.join('\n')}\n`;
}

function closed(results: readonly CaseResult[]): CaseResult[] {
  return results.filter(({ kind }) => kind !== 'poisson');
}

function of(figures: readonly Figures[], peer: string): Figures | undefined {
  return figures.find((each) => each.peer === peer);
}

function cost(figures: readonly Figures[], peer: string): string {
  const found = of(figures, peer);
  if (found === undefined) return '';
  const errors = found.errors > 0 ? `, ${found.errors} errors` : '';
  return `${found.cpuUs.toFixed(2)} (${(found.perSecond / 1000).toFixed(0)}${errors})`;
}

function ratio({ figures }: CaseResult, peer: string): string {
  const found = of(figures, peer);
  return found === undefined ? '' : found.keywayOver.toFixed(2);
}

function latency(figures: readonly Figures[], peer: string): string {
  const found = of(figures, peer);
  return found === undefined ? '' : `${(found.p50Ms * 1000).toFixed(0)} / ${(found.p99Ms * 1000).toFixed(0)}`;
}

function table(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return `${[line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')}\n`;
}
