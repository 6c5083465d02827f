import type { Command } from '../../../resp/index.ts';
import type { ClientSession } from '../client-session.ts';
import type { CommandInfo } from '../commands/index.ts';
import { GatheredAnswer, uncounted } from '../requests/gathered-answer.ts';
import { RedisRequest } from '../requests/redis-request.ts';
import { OF_ITS_SHARD } from '../requests/routed-command.ts';
import { isError, ScanCommand, scanAnswer, scanPage, UNLIKE } from '../split/index.ts';
import { argumentUtf8 } from './arguments.ts';
import { ownersFor } from './placing.ts';
import { beginGathered } from './take-over-shards.ts';

/** A client waits for no more shards than this, one after the other, before it gets an answer. */
const MAX_SHARDS = 16;

/**
 * SCAN: one shard after the other; the cursor says which, and where in it. A shard that has no more keys is followed by the next one at once, until
 * as many keys are there as the client has asked for: clients take a scan of few keys for done after one answer.
 */
export function takeScan(session: ClientSession, info: CommandInfo, command: Command): void {
  const owners = ownersFor(session);
  if (owners === null) return;
  const { cursors } = session.context;
  const shards = owners.size;
  const from = cursors.placeOf(argumentUtf8(command, 1), shards);
  if (shards === 0) session.refuse('no_owner', 'CLUSTERDOWN The cluster is down');
  else if (from === null) session.refuse('bad_command', 'ERR invalid cursor');
  else {
    const scan = new ScanCommand(command);
    const found: Uint8Array[] = [];
    let place = from;
    const answer: GatheredAnswer = new GatheredAnswer(session, (replies) => {
      const reply = replies.at(-1) ?? UNLIKE;
      const page = scanPage(reply);
      if (page === null) return isError(reply) ? reply : UNLIKE;
      for (const key of page.keys) found.push(key);
      const isNext = page.inner === 0n && place.shard + 1 < shards;
      if (!isNext || found.length >= scan.count || replies.length >= MAX_SHARDS)
        return scanAnswer(cursors.cursorAfter(place, page.inner, shards), found);
      place = { shard: place.shard + 1, inner: 0n };
      // The cluster may have another version by now.
      ask().proceed();
      return null;
    });
    const ask = (): RedisRequest => {
      const owner = owners.reach(place.shard);
      const request = new RedisRequest(answer, uncounted, owners, owner, OF_ITS_SHARD, scan.requestAt(place.inner));
      answer.add(request);
      return request;
    };
    ask();
    beginGathered(session, info, command, answer);
  }
}
