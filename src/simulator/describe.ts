import { VirtualDiskError } from './virtualDisk.ts';

export function isDiskFailure(error: unknown): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause) if (at instanceof VirtualDiskError) return true;
  return false;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

/** A peer's message, for the trace. */
export function describeMessage(message: unknown): string {
  return JSON.stringify(message, (key, value: unknown) => {
    if (key === 'record' || key === 'recordStart' || key === 'recordEnd') return undefined;
    if (value instanceof Uint8Array) return `${value.length} bytes`;
    return value;
  });
}
