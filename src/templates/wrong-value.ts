/** A value of the wrong type in its place; the message says which. */
export class WrongValue extends Error {
  override readonly name = 'WrongValue';
}

/** A value that cannot stand in a subject. */
export class BadSubject extends Error {
  override readonly name = 'BadSubject';
}
