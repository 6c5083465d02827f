/**
 * What steers a terminal, or shows text in another order than it has: control characters (C0, DEL and C1, which some
 * terminals take for escape sequences), bidirectional controls (UAX 9, 2), and the separators of lines and paragraphs.
 */
const STEERING = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;
const STEERING_BUT_LAYOUT = /[^\P{Cc}\n\t]|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** As JSON writes it, so that JSON stays the same JSON. */
function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Text from others, made safe to show to people: lines and columns stay, and nothing else steers. */
export function printable(text: string): string {
  return text.replaceAll(STEERING_BUT_LAYOUT, escaped);
}

/** The same for what stands in a line, or a cell, among other things: it makes no line, and no column, of its own. */
export function printableLine(text: string): string {
  return text.replaceAll(STEERING, escaped);
}
