/** Addresses in what is managed: read as strictly as those of messages. */
import { type Address, readAddress, readMailbox } from '../base/address.ts';
import type { Issue } from '../core/explain.ts';

const invalid = (param: string, message: string): Issue => ({ code: 'invalid_parameter', param, message });

/** What is wrong with a list of bare addresses. */
export function emailIssues(emails: readonly string[], param: string): Issue[] {
  return emails.flatMap((email, i) => {
    const reading = readAddress(email);
    return reading.ok ? [] : [invalid(`${param}[${i}]`, reading.message)];
  });
}

/** One bare address, or the issue with it. */
export function readEmail(email: string, param: string): Address | Issue {
  const reading = readAddress(email);
  return reading.ok ? reading.address : invalid(param, reading.message);
}

/** A sender: an address as text, with or without a name, or as an object. */
export function readSender(value: string | { email: string; name?: string | null }, param: string): Address | Issue {
  const reading = readMailbox(value);
  if (reading.ok) return reading.address;
  return invalid(typeof value === 'string' ? param : `${param}.${reading.field}`, reading.message);
}

export const isIssue = (value: object): value is Issue => 'message' in value;
