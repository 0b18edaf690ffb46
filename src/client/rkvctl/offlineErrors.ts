import { printable } from '../../cli/printable.ts';
import type { Terminal } from '../../cli/terminal.ts';
import { explainOffline } from '../../offline/errors.ts';

const ERROR_LENGTH_MAX = 2000;

/** What work on files leads to; undefined where it fails for a reason that a person can do something about, which is printed. */
export async function explained<T>(work: () => Promise<T>, terminal: Pick<Terminal, 'err'>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    const words = explainOffline(error);
    if (words === undefined) throw error;
    terminal.err(printable(words, ERROR_LENGTH_MAX));
    return undefined;
  }
}
