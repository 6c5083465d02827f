/** Why a message cannot be taken, as the client is told. The connection ends with it: where the next message begins is unknown. */
export interface Http1Fault {
  readonly status: 400 | 408 | 417 | 431 | 501 | 505;
  readonly message: string;
}

export function badRequest(message: string): Http1Fault {
  return { status: 400, message };
}
