/**
 * Another module of ours, as a file: sources run as they are, and `dist` after a build, so that it has the ending of the one
 * that asks.
 * @param name such as `./router-worker`. @param from the asking module's `import.meta.url`
 */
export function moduleFile(name: string, from: string): URL {
  return new URL(`${name}${from.endsWith('.ts') ? '.ts' : '.js'}`, from);
}
