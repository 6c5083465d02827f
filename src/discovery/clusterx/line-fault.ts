import { SLOT_COUNT } from '../../placement/index.ts';
import { parseSlotRanges } from '../../topology/index.ts';

/** `id host port role master`, and slots behind that where it is a master's line (Kvrocks, `Cluster::ParseClusterNodes`). */
const FIELDS = 5;
const ID_LENGTH = 40;

/** What Kvrocks says of the lines of SETNODES that it does not take; null where it takes them. */
export function lineFault(text: string): string | null {
  const owned = new Uint8Array(SLOT_COUNT);
  let lines = 0;
  for (const line of text.split(/\r?\n|\\n/)) {
    const words = line.trim().split(/\s+/);
    if (words[0] === '') continue;
    lines++;
    const fault = faultOf(words, owned);
    if (fault !== null) return fault;
  }
  return lines === 0 ? 'Invalid cluster nodes info' : null;
}

function faultOf(words: readonly string[], owned: Uint8Array): string | null {
  const [id = '', , port = '', role, master = '', ...slots] = words;
  if (words.length < FIELDS) return 'Invalid cluster nodes info';
  if (id.length !== ID_LENGTH) return 'Invalid cluster node id';
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65535) return 'Invalid cluster node port';
  if (role !== 'master' && role !== 'slave') return 'Invalid cluster node role';
  if (role === 'master') return slotFault(slots, owned);
  if (words.length !== FIELDS) return 'Invalid cluster nodes info';
  return master.length === ID_LENGTH ? null : 'Invalid cluster node id';
}

function slotFault(words: readonly string[], owned: Uint8Array): string | null {
  const ranges = parseSlotRanges(words.join(' '));
  if (typeof ranges === 'string') return 'Slot is out of range';
  for (const [first, last] of ranges)
    for (let slot = first; slot <= last; slot++) {
      if (owned[slot] === 1) return 'Slot distribution is overlapped';
      owned[slot] = 1;
    }
  return null;
}
