/** The steps to a value in a document. */
export type Path = ReadonlyArray<string | number>;
