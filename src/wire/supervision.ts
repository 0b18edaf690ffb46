/** How rkvd and whoever started it understand each other: exit codes, and a pipe on which rkvd also tells what its log says to people. */

/** rkvd's exit codes beside 0 and 1. */
export const ExitCode = {
  /** It refuses its data: starting it again changes nothing, so its supervisor does not. */
  RefusedData: 3,
  /** Its disk is full: started again, it goes on once there is room. */
  DiskFull: 4,
} as const;

/** Names the inherited file descriptor of a pipe whose other end the supervisor holds open for as long as it lives. */
export const SUPERVISOR_FD_VARIABLE = 'RKV_SUPERVISOR_FD';

/** What a server tells its supervisor. */
export type Notice =
  /** It ends, because it must not go on with its data; `error` is the name of what it found, `why` that in its words. */
  | { readonly kind: 'refuses-data'; readonly error: string; readonly why: string }
  /** It ends: another process listens where it was to. */
  | { readonly kind: 'address-in-use' }
  /** It does not take part yet, in its words. */
  | { readonly kind: 'waits'; readonly why: string };

/** What a notice may take; the rest of its words is cut. */
const WHY_LENGTH_MAX = 2000;
const LINE_LENGTH_MAX = 16 * 1024;

/** A notice as a line of the pipe. */
export function encodeNotice(notice: Notice): string {
  const short = 'why' in notice ? { ...notice, why: notice.why.slice(0, WHY_LENGTH_MAX) } : notice;
  return `${JSON.stringify(short)}\n`;
}

/** Reads notices as they come, in pieces of any size. What is none, as of a later version, is passed over. */
export class NoticeReader {
  private line = '';

  push(text: string): Notice[] {
    const lines = (this.line + text).split('\n');
    this.line = lines.pop()!;
    if (this.line.length > LINE_LENGTH_MAX) this.line = '';
    return lines.flatMap((line) => decodeNotice(line) ?? []);
  }
}

function decodeNotice(line: string): Notice | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { kind, error, why } = value as Readonly<Record<string, unknown>>;
  if (kind === 'address-in-use') return { kind };
  if (typeof why !== 'string') return undefined;
  if (kind === 'waits') return { kind, why };
  return kind === 'refuses-data' && typeof error === 'string' ? { kind, error, why } : undefined;
}
