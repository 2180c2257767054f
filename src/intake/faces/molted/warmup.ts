/**
 * What Molted does where a domain or mailbox is warming up: a send that nothing else stops is put off, for a month at most. Every other
 * limit blocks it, though our own `on_limit` would wait for those too; so it is looked at before it is sent.
 */
import type { FastifyRequest } from 'fastify';
import type { IntakeDoor } from '../../door.ts';
import type { Fields } from '../../field-errors.ts';
import type { SubmitInput } from '../../submit-input.ts';
import { toldOfOne } from '../told.ts';
import { type Decided, inOrder } from './answer.ts';
import type { MoltedRead } from './read.ts';

type Asked = {
  request: FastifyRequest;
  door: IntakeDoor;
  inputOf: (request: FastifyRequest, body: Fields) => SubmitInput;
};

/** `projectedAt`: when the first place beyond the horizon is (milliseconds); null: it is not put off so far. */
export type PutOff = { body: Fields; projectedAt: number | null };

const HORIZON_MS = 30 * 86_400_000;

export async function putOff(asked: Asked, { body, defers, templateId }: MoltedRead & { ok: true }): Promise<PutOff> {
  const asItIs = { body, projectedAt: null };
  const wants = defers ?? (templateId !== null && (await isMarketing(asked, templateId)));
  if (!wants || !isWarmupAlone(await look(asked, body))) return asItIs;
  const later = { ...body, on_limit: 'defer' };
  const told = await look(asked, later);
  const [one] = told?.recipients ?? [];
  if (told === null || one?.status !== 'scheduled') return asItIs;
  return one.departAt - told.createdAt <= HORIZON_MS
    ? { body: later, projectedAt: null }
    : { body, projectedAt: one.departAt };
}

async function isMarketing({ request, door }: Asked, id: string): Promise<boolean> {
  const { tenantNo, mode } = request.caller!.principal!;
  return (await door.store.template({ tenantNo, mode, id, version: null }))?.version.kind === 'marketing';
}

async function look({ request, door, inputOf }: Asked, body: Fields): Promise<Decided | null> {
  const told = await toldOfOne(request, door, () => door.intake.check(inputOf(request, body)));
  return told.kind === 'decided' ? told : null;
}

function isWarmupAlone(told: Decided | null): boolean {
  const refusing = inOrder(told?.recipients[0]?.reasons ?? []);
  return refusing.length > 0 && refusing.every(({ code }) => code === 'warmup_limit_exceeded');
}
