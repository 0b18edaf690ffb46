import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { parseAddress } from '../../net/endpoints/addresses.ts';

/** State of a socket that listens, in /proc/net/tcp (proc(5)). */
const LISTENS = '0A';

/** Whether it is an address of this machine. */
export function isLoopback(address: string): boolean {
  return /^(127\.|localhost:|\[::1\]|:)/.test(address);
}

/**
 * The process on this machine that listens at `address`, by /proc; undefined where it is on another one, or another user's. Where a port is
 * forwarded it is the process that does that.
 */
export function listenerPid(address: string): number | undefined {
  if (!isLoopback(address)) return undefined;
  const port = parseAddress(address)?.port;
  if (port === undefined) return undefined;
  const sockets = new Set(
    ['/proc/net/tcp', '/proc/net/tcp6']
      .flatMap((path) => listeningSockets(textOf(path), port))
      .map((inode) => `socket:[${inode}]`),
  );
  if (sockets.size === 0) return undefined;
  return entriesOf('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .find((pid) => entriesOf(`/proc/${pid}/fd`).some((fd) => sockets.has(linkOf(`/proc/${pid}/fd/${fd}`))));
}

/** Inodes of the sockets that listen at a port, by a table such as /proc/net/tcp. */
export function listeningSockets(table: string, port: number): string[] {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return table.split('\n').flatMap((line) => {
    const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/);
    return state === LISTENS && local.endsWith(wanted) && inode !== undefined ? [inode] : [];
  });
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
