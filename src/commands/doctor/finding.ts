/** What a check-up finds: one line a thing looked at. */

/** `skip`: it does not matter here. */
export type FindingState = 'ok' | 'warn' | 'fail' | 'skip';

export type Finding = {
  name: string;
  state: FindingState;
  /** What was found, one sentence. */
  detail: string;
  /** What to do about it, or null where nothing is to be done. */
  remedy: string | null;
};

export const ok = (name: string, detail: string): Finding => ({ name, state: 'ok', detail, remedy: null });
export const skip = (name: string, detail: string): Finding => ({ name, state: 'skip', detail, remedy: null });
export const warn = (name: string, detail: string, remedy: string): Finding => ({
  name,
  state: 'warn',
  detail,
  remedy,
});
export const fail = (name: string, detail: string, remedy: string): Finding => ({
  name,
  state: 'fail',
  detail,
  remedy,
});

/** A look that may take its time: over the bound, or broken, it is a finding too. */
export async function within(
  name: string,
  limitMs: number,
  look: () => Promise<Finding[]> | Finding[],
): Promise<Finding[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Finding[]>((resolve) => {
    const finding = fail(
      name,
      `No answer within ${limitMs / 1000} seconds.`,
      'Look whether the network or the disk is stuck.',
    );
    timer = setTimeout(() => resolve([finding]), limitMs);
  });
  try {
    return await Promise.race([Promise.resolve().then(look), late]);
  } catch (fault) {
    const detail = `It could not be looked at: ${fault instanceof Error ? fault.message : String(fault)}.`;
    return [fail(name, detail, 'Put right what the message names, and run the check-up again.')];
  } finally {
    clearTimeout(timer);
  }
}
