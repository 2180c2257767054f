/** Draft policies, from a file or a request, over what they are a draft of. */
import { parseJson } from '../base/json.ts';
import {
  compilePolicy,
  type EffectiveDocument,
  POLICY_DEFAULTS,
  type Policy,
  type PolicyDocument,
} from '../policy/document.ts';
import { draftOver } from '../policy/shadow.ts';
import { validatePolicy } from '../policy/validate.ts';

export type DraftReading =
  | { ok: true; document: PolicyDocument }
  | { ok: false; issues: { param: string; message: string }[] };

/** Reads a policy document from JSON; everything that is wrong with it at once. */
export function readDraft(bytes: Uint8Array): DraftReading {
  const json = parseJson(bytes);
  if (!json.ok) return { ok: false, issues: [{ param: '', message: json.message }] };
  const reading = validatePolicy(json.value);
  return reading.ok ? reading : { ok: false, issues: reading.errors };
}

/** A draft over the defaults. */
export function draftPolicy(draft: PolicyDocument): Policy {
  return compilePolicy(0, draftOver(POLICY_DEFAULTS as EffectiveDocument, draft));
}
