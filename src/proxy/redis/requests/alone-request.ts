import { RedisRequest } from './redis-request.ts';

/**
 * A command that has a connection to itself until it is answered. What ends it before that ends the connection, whose next answer would be taken
 * for another client's.
 */
export class AloneRequest extends RedisRequest {
  override get isAlone(): boolean {
    return true;
  }

  /** What its client has asked before is done before. */
  override onFirst(): void {
    this.beginInTurn();
  }

  override giveUp(): void {
    const { connection } = this;
    super.giveUp();
    connection?.destroy();
  }

  override cancel(): void {
    const { connection } = this;
    super.cancel();
    connection?.destroy();
  }
}
