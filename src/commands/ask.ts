/** Puts a request to the gateway that runs on the data folder, or opens the folder itself when none does. */
import { resolve } from 'node:path';
import { readSettings } from '../config/settings.ts';
import { askRunning, type ControlReply, type ControlRequest } from '../control.ts';
import { withData } from '../main.ts';
import { EXIT_FAILED } from './exit-codes.ts';
import { failed } from './options.ts';

export async function ask(request: ControlRequest): Promise<ControlReply | number> {
  const read = readSettings(process.env);
  if (!read.ok) return failed(read.message, EXIT_FAILED);
  let running: ControlReply | null;
  try {
    running = await askRunning(resolve(read.settings.dataDir), request);
  } catch (fault) {
    const why = fault instanceof Error ? fault.message : String(fault);
    return failed(`${why}: whether it did what was asked shows when it runs again.`, EXIT_FAILED);
  }
  if (running !== null) return running;
  const result = await withData(read.settings, request);
  return typeof result === 'string' ? failed(result, EXIT_FAILED) : result;
}
