// Starts a command from dist/. A fresh checkout is compiled first, once, however many commands start at the same time.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { register } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const compiler = join(root, 'node_modules', '.bin', 'tsc');
const lock = join(root, 'node_modules', '.rkv-build.lock');
const lockOwner = join(lock, 'pid');
const POLL_INTERVAL_MS = 100;
/** A lock whose owner did not leave its process id within this time was left behind. */
const OWNERLESS_LOCK_AGE_MS_MAX = 5000;

/** Node opens dozens of modules at once; where no more files than this may be open, that can be too many. */
const OPEN_FILES_FEW = 256;

/** Runs the module at `entry`, a path below dist/, as the command `name`. */
export async function launch(name, entry) {
  nameProcess(name);
  const path = join(root, 'dist', entry);
  // While somebody compiles, what is there may be half of it.
  if (!existsSync(path) || existsSync(lock)) await compile(path);
  try {
    if (openFilesMax() < OPEN_FILES_FEW) register('./loadOneByOne.mjs', import.meta.url);
    await import(pathToFileURL(path).href);
  } catch (error) {
    if (error?.code === 'ERR_MODULE_NOT_FOUND' && /package/.test(error.message)) fail(`${error.message}\nRun: npm ci`);
    throw error;
  }
}

/** For ps, killall and top, which else see only so many processes called node. */
function nameProcess(name) {
  try {
    // Where this is there, the arguments stay as they were typed; a title would take their place.
    if (existsSync('/proc/self/comm')) writeFileSync('/proc/self/comm', name);
    else process.title = name;
  } catch {
    // It is called node, then.
  }
}

function openFilesMax() {
  try {
    return Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Infinity);
  } catch {
    return Infinity;
  }
}

async function compile(path) {
  if (!existsSync(compiler)) fail(`${path} is missing. Run: npm ci && npm run build`);
  while (!takeLock()) await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS));
  let failure;
  try {
    failure = existsSync(path) ? undefined : compileLocked(path);
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
  if (failure !== undefined) fail(`${failure}\nTo see more, run: npm run build`);
}

/** Answers with what went wrong, if something did. */
function compileLocked(path) {
  process.stderr.write('compiling this checkout, once (npm run build does the same)\n');
  // Not incremental: what an earlier compilation noted says nothing about files that were deleted since.
  const options = ['-p', join(root, 'tsconfig.json'), '--incremental', 'false', '--noEmitOnError'];
  const { status, error, stdout } = spawnSync(compiler, options, { encoding: 'utf8' });
  if (error !== undefined) return `the compiler did not run: ${error.message}`;
  if (!existsSync(path)) return `compiling did not make ${path}\n${stdout}`;
  return status === 0 ? undefined : `compiling failed\n${stdout}`;
}

function takeLock() {
  try {
    mkdirSync(lock);
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    if (abandoned()) rmSync(lock, { recursive: true, force: true });
    return false;
  }
  writeFileSync(lockOwner, String(process.pid));
  return true;
}

function abandoned() {
  try {
    process.kill(Number(readFileSync(lockOwner, 'utf8')), 0);
    return false;
  } catch (error) {
    if (error.code === 'ESRCH') return true;
    if (error.code === 'EPERM') return false;
  }
  try {
    return Date.now() - statSync(lock).mtimeMs > OWNERLESS_LOCK_AGE_MS_MAX;
  } catch {
    return false;
  }
}

function fail(reason) {
  process.stderr.write(`${reason}\n`);
  process.exit(1);
}
