/**
 * `npm run conformance -- <kind> <folder>`: runs cases that other systems produced against this code.
 *
 * Progress and reasons go to stderr, one line a case to stdout, and the last line is `N passed, N failed`. Exits 1 if
 * a case failed, if there was none, or if the arguments make no sense.
 */

import { stat } from 'node:fs/promises';
import { processTerminal } from '../cli/terminal.ts';
import type { ConformanceResult } from './result.ts';

interface ConformanceModule {
  run(folder: string): Promise<ConformanceResult>;
}

/** A kind is one line here; its module is loaded only when asked for. */
const kinds: Readonly<Record<string, () => Promise<ConformanceModule>>> = {
  'etcd-raft': () => import('./etcdRaft.ts'),
  'gorums-wire': () => import('./gorumsWire.ts'),
  porcupine: () => import('./porcupine.ts'),
};

const USAGE = `usage: npm run conformance -- <${Object.keys(kinds).join('|')}> <folder>`;

/** Runs the command line `args` and returns the exit code. Throws what a kind's `run` throws. */
export async function dispatch(args: readonly string[]): Promise<number> {
  const [kind, folder, ...rest] = args;
  if (kind === undefined || folder === undefined) return refuse('a kind and a folder are needed');
  if (rest.length > 0) return refuse(`unexpected argument ${JSON.stringify(rest[0])}`);
  const load = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  if (load === undefined) return refuse(`unknown kind ${JSON.stringify(kind)}`);
  const status = await stat(folder).catch(() => undefined);
  if (status === undefined) return refuse(`no such folder: ${folder}`);
  const module = await load();
  const { passed, failed } = await module.run(folder);
  processTerminal.out(`${passed} passed, ${failed} failed`);
  return failed > 0 || passed === 0 ? 1 : 0;
}

function refuse(reason: string): number {
  processTerminal.err(`conformance: ${reason}\n${USAGE}`);
  return 1;
}
