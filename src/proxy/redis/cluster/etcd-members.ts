/** A member of etcd, as its cluster knows it. */
export interface EtcdMember {
  /** In decimal; a number of 64 bits. */
  readonly id: string;
  /** Empty until it has started. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly isLearner: boolean;
}

/** etcd does not do what it was asked, or none of its members answers. */
export class EtcdMembersError extends Error {
  override readonly name = 'EtcdMembersError';
}

/** An election takes a second or two. */
const CALL_TIMEOUT_MS = 4000;
/** Longer words of etcd's are cut. */
const MAX_SHOWN = 256;

/**
 * The members of an etcd cluster, 3.4 or later, by the JSON that it speaks beside gRPC (`/v3/cluster/member/…`), in cleartext.
 * @throws EtcdMembersError, each of its methods
 */
export class EtcdMembers {
  readonly #endpoints: readonly string[];

  /** @param endpoints `host:port` of some members */
  constructor(endpoints: readonly string[]) {
    this.#endpoints = endpoints;
  }

  async list(): Promise<EtcdMember[]> {
    const { members } = (await this.#ask('list', {})) as { members?: unknown };
    if (!Array.isArray(members)) throw new EtcdMembersError('etcd answers without its members');
    return members.map(memberOf);
  }

  /** Adds a member that learns and does not vote. It starts afterwards, as one of an existing cluster. */
  async addLearner(peerUrl: string): Promise<void> {
    await this.#ask('add', { peerURLs: [peerUrl], isLearner: true });
  }

  /** Has a learner vote, once it has caught up. */
  async promote(id: string): Promise<void> {
    await this.#ask('promote', { ID: id });
  }

  /** Asks one member after the other until one answers. */
  async #ask(action: string, question: object): Promise<object> {
    let reason = 'there are none';
    for (const endpoint of this.#endpoints) {
      let status = 0;
      let text = '';
      try {
        const answer = await fetch(`http://${endpoint}/v3/cluster/member/${action}`, {
          method: 'POST',
          body: JSON.stringify(question),
          signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
        });
        status = answer.status;
        text = await answer.text();
      } catch (error) {
        const { cause, message } = error as Error;
        reason = `${endpoint}: ${(cause as NodeJS.ErrnoException | undefined)?.code ?? message}`;
        continue;
      }
      const told = parsed(text);
      if (status === 200 && told !== null) return told;
      throw new EtcdMembersError(refusalIn(told) ?? `etcd answers with status ${status}`);
    }
    throw new EtcdMembersError(`no member of etcd answers (${reason})`);
  }
}

function parsed(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

function refusalIn(told: object | null): string | null {
  const error = (told as { error?: unknown } | null)?.error;
  return typeof error === 'string' ? error.slice(0, MAX_SHOWN) : null;
}

function memberOf(value: unknown): EtcdMember {
  const { ID, name, peerURLs, isLearner } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof ID !== 'string') throw new EtcdMembersError('etcd answers with a member without an id');
  return {
    id: ID,
    name: typeof name === 'string' ? name : '',
    peerUrls: Array.isArray(peerURLs) ? peerURLs.filter((url) => typeof url === 'string') : [],
    isLearner: isLearner === true,
  };
}
