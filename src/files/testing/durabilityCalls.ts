import fs from 'node:fs';
import fsPromises, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { basename } from 'node:path';

type Call = (...args: unknown[]) => unknown;
/** Hears of a call that is done: with what, and what came of it. */
type Heard = (args: readonly unknown[], result: unknown) => void;

/**
 * Runs `work` and tells, by the files' names, what was done meanwhile that decides what is left of files and folders when the
 * machine loses its power, in the order in which it was done. No test can take the power away; but what nobody asked to have on
 * the platter need not be there. Everything is really done. `name durably` is a file that was opened so that each write is synced.
 */
export async function durabilityCalls(work: () => unknown): Promise<string[]> {
  const told: string[] = [];
  const names = new Map<unknown, string>();
  const undo: (() => void)[] = [];
  const hear = (holder: object, name: string, heard: Heard) => {
    const inner = Reflect.get(holder, name) as Call;
    Reflect.set(holder, name, hearing(inner, heard));
    undo.push(() => Reflect.set(holder, name, inner));
  };
  const opened = (descriptor: unknown, [path, flags]: readonly unknown[]) => {
    const isDurable = typeof flags === 'number' && (flags & fs.constants.O_DSYNC) === fs.constants.O_DSYNC;
    names.set(descriptor, isDurable ? `${nameOf(path)} durably` : nameOf(path));
  };
  const tell = (what: string, of: unknown) => told.push(`${what} ${names.get(of) ?? of}`);
  const tellPaths =
    (what: string, count: number): Heard =>
    (args) => {
      told.push([what, ...args.slice(0, count).map(nameOf)].join(' '));
    };
  hear(fs, 'openSync', (args, descriptor) => opened(descriptor, args));
  hear(fs, 'fsyncSync', ([descriptor]) => tell('sync', descriptor));
  hear(fs, 'writeFileSync', ([file]) => tell('write', file));
  hear(fs, 'writev', ([descriptor]) => tell('write', descriptor));
  hear(fs, 'mkdirSync', tellPaths('make', 1));
  hear(fs, 'renameSync', tellPaths('rename', 2));
  hear(fsPromises, 'rename', tellPaths('rename', 2));
  hear(fsPromises, 'rm', tellPaths('remove', 1));
  hear(fsPromises, 'open', (args, result) => {
    const handle = result as FileHandle;
    opened(handle.fd, args);
    const { fd } = handle;
    hear(handle, 'sync', () => tell('sync', fd));
    hear(handle, 'datasync', () => tell('sync', fd));
    hear(handle, 'write', () => tell('write', fd));
  });
  syncBuiltinESMExports();
  try {
    await work();
  } finally {
    for (const each of undo) each();
    syncBuiltinESMExports();
  }
  return told;
}

/** Calls back, promises and returns alike. */
function hearing(inner: Call, heard: Heard): Call {
  return function hears(this: unknown, ...args: unknown[]): unknown {
    const last = args.at(-1);
    if (typeof last === 'function') {
      const called = (...results: unknown[]) => {
        heard(args, results[1]);
        last(...results);
      };
      return inner.apply(this, [...args.slice(0, -1), called]);
    }
    const result = inner.apply(this, args);
    if (!(result instanceof Promise)) {
      heard(args, result);
      return result;
    }
    return result.then((value: unknown) => {
      heard(args, value);
      return value;
    });
  };
}

function nameOf(path: unknown): string {
  return basename(String(path));
}
