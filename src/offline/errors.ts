import { UnusableFileError } from '../files/regularFile.ts';
import { RefusedDataError } from '../server/storage/contract.ts';

/** What work on the files of servers that do not run throws on its own account. */
export class OfflineError extends Error {
  override readonly name: string = 'OfflineError';
}

/** What a person can do something about, in words; undefined of a defect of this program. The file system's errors are such, too. */
export function explainOffline(error: unknown): string | undefined {
  if (error instanceof RefusedDataError) return `${error.message}; ${error.remedy}`;
  const isTold = error instanceof OfflineError || error instanceof UnusableFileError;
  return isTold || (error instanceof Error && 'syscall' in error) ? error.message : undefined;
}
