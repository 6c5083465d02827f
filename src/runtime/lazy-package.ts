import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/**
 * A package that is loaded when it is first used: for what takes longer to load than all of ours, and few need.
 * @param name as `import` has it. @typeParam Exports `typeof import(name)`
 */
export function lazyPackage<Exports>(name: string): () => Exports {
  return () => require(name) as Exports;
}
