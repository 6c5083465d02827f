/** A factor around 1, off by at most `share`, so that what many do at the same intervals is not done at the same moment. */
export function jitter(share: number, random: () => number): number {
  return 1 + share * (2 * random() - 1);
}
