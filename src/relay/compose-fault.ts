/**
 * A message that must not be put into words for the wire: a line break in a header, two addresses in one, a name that
 * belongs to us. Doors refuse such submissions with a proper answer; this is the second wall, and reaching it is a fault.
 */
export class ComposeFault extends Error {
  /** The field of the message, for example `subject` or `to[2].email`. */
  readonly field: string;
  readonly problem: string;

  constructor(field: string, problem: string) {
    super(`${field} ${problem}`);
    this.name = 'ComposeFault';
    this.field = field;
    this.problem = problem;
  }
}
