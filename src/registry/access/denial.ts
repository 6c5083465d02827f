/**
 * Why a call is not carried out: it is out of bounds, there is no room for it, its caller is unknown, or the caller may
 * not make it.
 */
export type DenialKind = 'out of bounds' | 'no room' | 'unknown' | 'not allowed';

/** A registry does not carry out what it was asked, and will not when it is asked again. Nothing was changed. */
export class Denial extends Error {
  override readonly name = 'Denial';
  readonly kind: DenialKind;

  constructor(kind: DenialKind, message: string) {
    super(message);
    this.kind = kind;
  }
}
