import { readdirSync, readFileSync } from 'node:fs';
import { isPortFree } from '../../supervisor/process/freePorts.ts';

/** What a cluster leaves in its folder when it is down. */
const KEPT = /^(?:cluster\.json|logs|server-\d+|supervisor\.log(?:\.1)?|tls)$/;

/** In the environment of everything that is started here, and of what that starts: where it belongs. */
export const MARK = 'RKV_CYCLES';

/** The pids of processes that are marked with this. */
export function processesOf(folder: string): number[] {
  const wanted = `${MARK}=${folder}`;
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      return readFileSync(`/proc/${name}/environ`, 'latin1').split('\0').includes(wanted) ? [Number(name)] : [];
    } catch {
      // It has ended, or is somebody else's.
      return [];
    }
  });
}

/** What is left of a run that should be over, in words. `isKilled`: its supervisor could not tidy up, which the next one does. */
export async function remains(
  { folder, directory, temporary }: Readonly<Record<'folder' | 'directory' | 'temporary', string>>,
  addresses: readonly string[],
  isKilled: boolean,
): Promise<string[]> {
  const processes = processesOf(folder).map((pid) => `process ${pid}`);
  const free = await Promise.all(addresses.map((address) => isPortFree(Number(address.split(':').at(-1)))));
  const ports = addresses.filter((_, i) => !free[i]).map((address) => `the port of ${address}`);
  const own = `rkv-${process.geteuid?.() ?? 'user'}`;
  const folders = readdirSync(temporary).filter((name) => name !== own);
  const files = isKilled ? [] : readdirSync(directory).filter((name) => !KEPT.test(name));
  return [...processes, ...ports, ...folders.map((name) => `${name} in the temporary folder`), ...files];
}
