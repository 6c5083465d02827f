/**
 * Whether a text is one that a pattern describes, in which `*` stands for anything. Only the last `*` so far is ever tried again:
 * the steps are at most as many as the product of the lengths, whatever the pattern.
 */
export function globMatches(pattern: string, text: string): boolean {
  let at = 0;
  let inText = 0;
  /** The place behind the last `*`, and up to where the text is what that stands for. */
  let behindStar = -1;
  let taken = 0;
  while (inText < text.length) {
    if (pattern[at] === '*') {
      behindStar = ++at;
      taken = inText;
    } else if (at < pattern.length && pattern[at] === text[inText]) {
      at++;
      inText++;
    } else if (behindStar >= 0) {
      at = behindStar;
      inText = ++taken;
    } else return false;
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}
