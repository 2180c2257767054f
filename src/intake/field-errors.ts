/** What is wrong with a request, field by field; collected, so that a caller hears of everything at once. */
import { showKey } from '../base/json.ts';

export type FieldErrorCode =
  | 'missing_parameter'
  | 'invalid_parameter'
  | 'unknown_parameter'
  | 'mutually_exclusive'
  | 'attachment_rejected'
  | 'payload_too_large';

export type FieldError = {
  code: FieldErrorCode;
  /** Where it stands in the body, for example "to[0].email", "headers.X-Foo"; empty for the body itself. */
  param: string;
  message: string;
};

/** More would make the answer larger than the question. */
const maxErrors = 100;

export class FieldErrors {
  readonly list: FieldError[] = [];

  add(code: FieldErrorCode, param: string, message: string): void {
    if (this.list.length < maxErrors) this.list.push({ code, param, message });
  }

  invalid(param: string, message: string): void {
    this.add('invalid_parameter', param, message);
  }

  /** Names every key of `fields` that is not among `known`. */
  unknown(fields: Fields, known: ReadonlySet<string>, parent: string): void {
    for (const key in fields) {
      if (this.list.length >= maxErrors) return;
      if (!known.has(key)) this.add('unknown_parameter', within(parent, key), 'There is no such field.');
    }
  }
}

/** A JSON object. */
export type Fields = { readonly [key: string]: unknown };

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Absent and null are the same. */
export function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** The place of a member. */
export function within(parent: string, key: string): string {
  return parent === '' ? showKey(key) : `${parent}.${showKey(key)}`;
}
