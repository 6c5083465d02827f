import { formatDuration, formatSize } from '../../runtime/quantity.ts';

/** A field, if there is a value for it. */
export function given(name: string, value: unknown): object {
  return value === undefined ? {} : { [name]: value };
}

/** A field for a duration, if there is one. @param ms whole milliseconds */
export function givenDuration(name: string, ms: number | undefined): object {
  return given(name, ms === undefined ? undefined : formatDuration(ms));
}

/** A field for a size, if there is one. */
export function givenSize(name: string, bytes: number | undefined): object {
  return given(name, bytes === undefined ? undefined : formatSize(bytes));
}
