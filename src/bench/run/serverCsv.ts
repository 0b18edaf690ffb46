import { existsSync } from 'node:fs';
import { copyFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolders } from '../../files/folders.ts';
import type { ClusterPlan } from '../../supervisor/clusterPlan.ts';

/** What rkvd writes to its working directory when it ends in order. */
const RECORDED = /^(?:latency|event)-\d+-server-\d+\.csv$/;

/**
 * Copies what servers that have ended recorded of themselves to a folder for each, beside the clients'. One that was killed has nothing, and nothing
 * is kept where there is nothing of clients, for then nothing was measured.
 */
export async function copyCsv({ servers }: ClusterPlan, folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  for (const { id, directory } of servers) {
    const files = (await readdir(directory)).filter((name) => RECORDED.test(name));
    if (files.length === 0) continue;
    const target = join(folder, `server-${id}`);
    makeFolders(target);
    for (const file of files) await copyFile(join(directory, file), join(target, file));
  }
}
