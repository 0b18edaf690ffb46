/** Where a server logs in the temporary folder: `raft<two-digit id>.log`, as the original names it. */
export function logFileName(id: number): string {
  return `raft${String(id).padStart(2, '0')}.log`;
}
