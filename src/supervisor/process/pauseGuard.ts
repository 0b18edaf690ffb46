import { execa } from 'execa';

// Waits for the end of its input, which is a pipe that we hold: the kernel ends it when we do, in whatever way.
const SCRIPT = 'read -r _; kill -CONT "$0" 2>/dev/null';

/**
 * A paused process cannot see its supervisor end. This starts a small shell that can, and that lets process `pid` run again
 * then, so that it ends as well. Returns how to end the shell, which lets the process run.
 */
export function guardPaused(pid: number): () => void {
  const guard = execa('/bin/sh', ['-c', SCRIPT, String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    buffer: false,
    reject: false,
    detached: true,
    cleanup: false,
  });
  guard.catch(() => {});
  guard.stdin.on('error', () => {});
  return () => guard.stdin.end();
}
