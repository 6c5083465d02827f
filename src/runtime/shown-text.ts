/** As many characters as tell what is wrong. */
const MOST = 200;
/** What moves a terminal's cursor, or begins another line of a log. */
const CONTROLS = /[\p{Cc}\p{Cf}\u2028\u2029]+/gu;

/**
 * Of what another program has said, what is logged and shown to people: a short line.
 * @param secret what the program was sent and may repeat, which is left out; null: nothing
 */
export function shownText(text: string, secret: string | null = null): string {
  const told = secret === null || secret === '' ? text : text.replaceAll(secret, '(secret)');
  const line = told.replace(CONTROLS, ' ').trim();
  return line.length > MOST ? `${line.slice(0, MOST)}…` : line;
}
