/** Why a message cannot be taken, for the client. It ends the connection: where the next message begins is unknown. */
export interface Http1Fault {
  readonly status: 400 | 408 | 417 | 431 | 501 | 505;
  readonly message: string;
  /** It is not even a request line: as a connection's first word, another protocol's, which an answer in ours would only confuse. */
  readonly isForeign?: boolean;
}

export function badRequest(message: string): Http1Fault {
  return { status: 400, message };
}

/** What is no request line of HTTP/1. */
export function foreign(message: string): Http1Fault {
  return { status: 400, message, isForeign: true };
}
