import { arrayReply, bulkReply, OK, simpleReply } from '../../../resp/index.ts';
import type { ClientSession } from '../client-session.ts';
import { Answer } from '../requests/answer.ts';
import { unknownSubcommand } from '../words.ts';
import { type EtcdMember, EtcdMembers, EtcdMembersError } from './etcd-members.ts';

/** People ask, one after the other: more at a time in a worker is a mistake. */
const MAX_AT_ONCE = 16;
let underWay = 0;

const USAGE =
  'ERR CLUSTER METARAFT MEMBERS, CLUSTER METARAFT ADDLEARNER id host:port, CLUSTER METARAFT PROMOTE id [id …]';
const DECIMAL = /^\d{1,20}$/;
const HEX = /^[0-9a-f]{1,40}$/i;
const ADDRESS = /^[\w.-]+:\d{1,5}$|^\[[0-9a-f:.]+\]:\d{1,5}$/i;

/**
 * CLUSTER METARAFT, as AiKv has it: the members of the cluster that keeps the metadata, which is etcd here. A member's id is its name, where that is a number,
 * or else what etcd calls it.
 */
export function metaRaft(session: ClientSession, args: readonly string[]): void {
  const { metaraft } = session.entry.description;
  if (metaraft === undefined) session.refuse('bad_command', unknownSubcommand('cluster', 'METARAFT'));
  else if (session.user.isRestricted)
    session.refuse(
      'not_permitted',
      `NOPERM User ${session.user.name} has no permissions to run the 'cluster|metaraft' command`,
    );
  else {
    const act = actionOf(new EtcdMembers(metaraft), args);
    if (act === null) session.refuse('bad_command', USAGE);
    else if (underWay >= MAX_AT_ONCE)
      session.refuse('refused_command', 'ERR too many ask for members of the metadata cluster');
    else {
      session.expect(new MembersAnswer(session, act));
      session.waitForAll();
    }
  }
}

type Action = () => Promise<Uint8Array>;

/** Null where the words mean nothing. */
function actionOf(members: EtcdMembers, [action = '', ...args]: readonly string[]): Action | null {
  const [id = '', address = ''] = args;
  switch (`${action.toLowerCase()} ${Math.min(args.length, 2)}`) {
    case 'members 0':
      return async () => membersReply(await members.list());
    case 'addlearner 2':
      return args.length === 2 && DECIMAL.test(id) && ADDRESS.test(address)
        ? () => addLearner(members, `http://${address}`)
        : null;
    case 'promote 1':
    case 'promote 2':
      return args.every((each) => DECIMAL.test(each) || HEX.test(each)) ? () => promote(members, args) : null;
    default:
      return null;
  }
}

/** The number by which a member is known. */
function numberOf({ id, name }: EtcdMember): string {
  return DECIMAL.test(name) ? name : id;
}

function membersReply(members: readonly EtcdMember[]): Uint8Array {
  const sorted = [...members].sort((one, other) => Number(numberOf(one)) - Number(numberOf(other)));
  return arrayReply(
    sorted.map((member) =>
      arrayReply([bulkReply(numberOf(member)), simpleReply(member.isLearner ? 'learner' : 'voter')]),
    ),
  );
}

/** Who is a member already stays one, so that it can be said again. */
async function addLearner(members: EtcdMembers, peerUrl: string): Promise<Uint8Array> {
  const known = await members.list();
  if (!known.some(({ peerUrls }) => peerUrls.includes(peerUrl))) await members.addLearner(peerUrl);
  return OK;
}

/** Voters stay voters. */
async function promote(members: EtcdMembers, ids: readonly string[]): Promise<Uint8Array> {
  const known = await members.list();
  for (const id of ids) {
    const member = known.find((each) => numberOf(each) === id || each.id === id || each.id === decimalOf(id));
    if (member === undefined)
      throw new EtcdMembersError(`there is no member ${id}; one that was added has to be started`);
    if (member.isLearner) await members.promote(member.id);
  }
  return OK;
}

function decimalOf(hex: string): string {
  return BigInt(`0x${hex}`).toString();
}

/** An answer for which the metadata cluster is asked, once all that its client has asked before is answered. */
class MembersAnswer extends Answer {
  readonly #session: ClientSession;
  readonly #act: Action;
  #hasBegun = false;

  constructor(session: ClientSession, act: Action) {
    super();
    this.#session = session;
    this.#act = act;
  }

  override onFirst(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    void this.#begin();
  }

  async #begin(): Promise<void> {
    underWay++;
    try {
      this.#session.onWhole(this, await this.#act());
    } catch (error) {
      if (!(error instanceof EtcdMembersError)) throw error;
      this.#session.context.core.counters.countRefusal('refused_command');
      this.#session.onError(this, `ERR ${error.message}`);
    } finally {
      underWay--;
    }
  }
}
