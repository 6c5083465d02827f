/** A line of a shell cannot be carried out. Its message is for whoever has typed it. */
export class ShellFault extends Error {
  override readonly name = 'ShellFault';
}
