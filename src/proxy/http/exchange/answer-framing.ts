import type { Field, MessageHead } from '../../../http/index.ts';
import {
  areWholeFrames,
  areWholeMessages,
  type Envelopes,
  EnvelopeTracker,
  envelopesIn,
  FrameTracker,
  type MessageTracker,
} from '../../../rpc/index.ts';

/** What an answer's messages stand in: envelopes, or the frames of a WebSocket. */
type Framed = Envelopes | 'websocket';

/**
 * How an answer's content is framed, and whether a message is under way in it. Immutable and shared by all answers that are
 * framed alike; an answer has one of its own only while a message of it has not come whole.
 */
export class AnswerFraming {
  readonly envelopes: Framed;
  /** The answer has said how long it is, so that it cannot end anywhere else. */
  readonly lengthIsKnown: boolean;
  /** Follows the message that is under way; null between two messages. */
  readonly tracker: MessageTracker | null;
  /** The same between two messages. */
  readonly between: AnswerFraming;

  constructor(
    envelopes: Framed,
    lengthIsKnown: boolean,
    tracker: MessageTracker | null = null,
    between: AnswerFraming | null = null,
  ) {
    this.envelopes = envelopes;
    this.lengthIsKnown = lengthIsKnown;
    this.tracker = tracker;
    this.between = between ?? this;
  }

  /** Whether a message of the router's own may stand here, behind what has come. */
  get isBetweenMessages(): boolean {
    return this.envelopes !== 'none' && this.tracker === null;
  }

  /** Whether content begins and ends between two messages, as most does. It need not be followed then. */
  isWhole(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.tracker !== null) return false;
    if (this.envelopes === 'binary') return areWholeMessages(bytes, start, end);
    return this.envelopes === 'websocket' && areWholeFrames(bytes, start, end);
  }

  /** The framing with what follows the message that is under way, or is about to begin. */
  following(): AnswerFraming {
    if (this.tracker !== null) return this;
    const tracker =
      this.envelopes === 'websocket' ? new FrameTracker() : new EnvelopeTracker(this.envelopes === 'base64');
    return new AnswerFraming(this.envelopes, this.lengthIsKnown, tracker, this);
  }

  /** Follows content. @returns where the first boundary is behind which a message of ours may stand; -1 where there is none */
  follow(bytes: Uint8Array, start: number, end: number): number {
    return this.tracker === null ? -1 : this.tracker.follow(bytes, start, end);
  }

  /** The framing behind the content that was followed. */
  after(): AnswerFraming {
    return this.tracker?.betweenMessages === true ? this.between : this;
  }
}

/** As one type of content is framed. */
interface Framings {
  readonly ofKnownLength: AnswerFraming;
  readonly ofAnyLength: AnswerFraming;
}

function framings(envelopes: Envelopes): Framings {
  return { ofKnownLength: new AnswerFraming(envelopes, true), ofAnyLength: new AnswerFraming(envelopes, false) };
}

const NONE = framings('none');
const ALL: Readonly<Record<Envelopes, Framings>> = {
  none: NONE,
  binary: framings('binary'),
  base64: framings('base64'),
};

/** The framing of content of which nothing is known. */
export const unframed = NONE.ofAnyLength;

/** That of a WebSocket's frames. */
const webSocketFraming = new AnswerFraming('websocket', false);

/**
 * How an answer is framed by what its header section says.
 * @param hasContent whether anything follows that; @param isWebSocket what follows are a WebSocket's frames
 */
export function framingOf(
  { contentType, contentLength }: MessageHead,
  hasContent: boolean,
  isWebSocket: boolean,
): AnswerFraming {
  if (isWebSocket) return webSocketFraming;
  const each = hasContent && contentType !== null ? framingsOf(contentType) : NONE;
  return contentLength >= 0 ? each.ofKnownLength : each.ofAnyLength;
}

/** Kept on the field: an answer's content-type is one of few. */
function framingsOf(contentType: Field): Framings {
  if (contentType.memoScope !== memoScope) {
    contentType.memoScope = memoScope;
    contentType.memo = ALL[envelopesIn(contentType.text.toLowerCase())];
  }
  return contentType.memo as Framings;
}

const memoScope = {};
