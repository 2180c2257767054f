/** What the contract suite needs to know of a face: how its clients send one plain message, and how they read a refusal. */
import type { TestGateway } from '../../harness/gateway.ts';

export type FaceDriver = {
  /** The face's name. */
  name: string;
  /** What has to be there before its clients can send. */
  prepare?(gateway: TestGateway): Promise<void>;
  /** A request that sends a short text to one address. */
  send(
    to: string,
    more?: { idempotencyKey?: string },
  ): {
    method: string;
    path: string;
    body: unknown;
    headers?: Record<string, string | undefined>;
  };
  /** Where its clients put the key. */
  authorize(key: string): Record<string, string>;
  /** What a client reads as the reason of a refusal: the word, as a string; null where the answer is no refusal. */
  wordIn(answer: { status: number; headers: Headers; body: unknown }): string | null;
  /** The id that a client keeps, from an answer that took the message or refused it; null where there is none. */
  idIn(answer: { status: number; headers: Headers; body: unknown }): string | null;
  /** Whether a repeated key answers with the first answer again. */
  hasIdempotency: boolean;
};
