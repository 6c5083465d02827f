/**
 * Makes something of each object once, for as long as the object is there. Of objects that never change: the same is given out
 * again.
 */
export function oncePerObject<Source extends object, Made>(make: (source: Source) => Made): (source: Source) => Made {
  const made = new WeakMap<Source, { readonly value: Made }>();
  return (source) => {
    let known = made.get(source);
    if (known === undefined) {
      known = { value: make(source) };
      made.set(source, known);
    }
    return known.value;
  };
}
