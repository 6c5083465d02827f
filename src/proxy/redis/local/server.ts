import { arrayReply, bulkReply, integerReply, mapReply } from '../../../resp/index.ts';
import type { ClientSession } from '../client-session.ts';
import { ERRORS } from '../words.ts';
import { visitFellows } from './fellows-answer.ts';
import { globMatches } from './glob.ts';
import type { LocalAnswer } from './local-answer.ts';

/**
 * What clients take the server for: some of them send newer commands, or none at all, by this. The shards' own version is not
 * known before one is asked, and they may differ.
 */
export const SERVER_VERSION = '7.0.15';

/** What a server is to its clients, as they are told. */
export function modeOf({ entry }: ClientSession): 'standalone' | 'cluster' {
  return entry.mode === 'hidden' ? 'standalone' : 'cluster';
}

/** INFO: what frameworks look for. A shard's own stands at that shard. A user who sees no clients of others is not told how many there are. */
export const info: LocalAnswer = (session, sections) => {
  if (!session.user.isRestricted) {
    session.say(infoText(session, sections, session.entry.clients));
    return;
  }
  let clients = 0;
  const visit = (): number => {
    clients++;
    return 0;
  };
  visitFellows(session, { visit, finish: () => infoText(session, sections, clients) });
};

function infoText(session: ClientSession, sections: readonly string[], clients: number): Uint8Array {
  const { entry } = session;
  const texts: Readonly<Record<string, readonly string[]>> = {
    server: [`redis_version:${SERVER_VERSION}`, `redis_mode:${modeOf(session)}`, 'arch_bits:64', 'executable:keyway'],
    clients: [`connected_clients:${clients}`],
    replication: ['role:master', 'connected_slaves:0'],
    cluster: [`cluster_enabled:${entry.mode === 'hidden' ? 0 : 1}`],
    keyway: [
      `cluster:${entry.description.cluster}`,
      `shards:${entry.owners?.size ?? 0}`,
      `version:${entry.owners?.version ?? 0}`,
    ],
  };
  const asked = sections.map((section) => section.toLowerCase());
  const isAll = asked.length === 0 || asked.some((section) => ['all', 'default', 'everything'].includes(section));
  const shown = Object.entries(texts).filter(([section]) => isAll || asked.includes(section));
  const text = shown
    .map(([section, lines]) => `# ${section[0]?.toUpperCase()}${section.slice(1)}\r\n${lines.join('\r\n')}\r\n`)
    .join('\r\n');
  return bulkReply(text);
}

/** ROLE: that of a server which nobody replicates. */
export const role: LocalAnswer = (session) =>
  session.say(arrayReply([bulkReply('master'), integerReply(0), arrayReply([])]));

export const whoAmI: LocalAnswer = (session) => session.say(bulkReply(session.user.name));

/** A server without a cluster. */
export const noCluster: LocalAnswer = (session) => session.refuse('refused_command', ERRORS.noCluster);

/** What frameworks read of a server's settings before they use it. */
const SETTINGS: Readonly<Record<string, string>> = {
  databases: '1',
  maxmemory: '0',
  'maxmemory-policy': 'noeviction',
  'notify-keyspace-events': '',
  save: '',
  appendonly: 'no',
  timeout: '0',
  'proto-max-bulk-len': '536870912',
};

/** Each pattern is held against each setting. */
const MAX_PATTERNS = 64;
const LONGEST_PATTERN = 256;

/** CONFIG GET pattern…, with `*` for anything. */
export const configGet: LocalAnswer = (session, patterns) => {
  if (patterns.length > MAX_PATTERNS || patterns.some(({ length }) => length > LONGEST_PATTERN)) {
    session.refuse('bad_command', 'ERR too many patterns, or too long a pattern, for CONFIG GET');
    return;
  }
  const wanted = patterns.map((pattern) => pattern.toLowerCase());
  const pairs = Object.entries(SETTINGS).filter(([name]) => wanted.some((pattern) => globMatches(pattern, name)));
  session.say(
    mapReply(
      pairs.flatMap(([name, value]) => [bulkReply(name), bulkReply(value)]),
      session.protocol,
    ),
  );
};
