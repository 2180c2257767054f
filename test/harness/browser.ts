/** A real Chromium for a test, or why there is none. */
import type { Browser } from 'playwright-core';

export async function openBrowser(): Promise<Browser | { missing: string }> {
  try {
    const [{ default: packed }, { chromium }] = await Promise.all([
      import('@sparticuz/chromium'),
      import('playwright-core'),
    ]);
    return await chromium.launch({
      executablePath: await packed.executablePath(),
      args: ['--no-sandbox', '--disable-gpu'],
      timeout: 30_000,
    });
  } catch (error) {
    return { missing: `Chromium cannot be started here: ${(error as Error).message.split('\n')[0]}` };
  }
}
