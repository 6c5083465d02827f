import { redirectOf } from '../../../resp/index.ts';
import { namesSlotOf } from './names-slot.ts';
import { RedisRequest } from './redis-request.ts';

/** EVAL, FCALL and the like: the error that answers one may be the script's own, which has been carried out then. */
export class ScriptRequest extends RedisRequest {
  protected override isOfServer(bytes: Uint8Array, start: number, end: number): boolean {
    return namesSlotOf(redirectOf(bytes, start, end), this.keys);
  }
}
