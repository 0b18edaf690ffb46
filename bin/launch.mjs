// Starts a command from dist/. A fresh checkout is compiled first, once, however many commands start at the same time.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join, parse } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { constants, Script } from 'node:vm';

const root = fileURLToPath(new URL('..', import.meta.url));
const programs = join(root, 'dist', 'programs');
const compiler = join(root, 'node_modules', '.bin', 'tsc');
const bundler = join(root, 'bundle.mjs');
const lock = join(root, 'node_modules', '.rkv-build.lock');
const lockOwner = join(lock, 'pid');
const POLL_INTERVAL_MS = 100;
/** A lock whose owner did not leave its process id within this time was left behind. */
const OWNERLESS_LOCK_AGE_MS_MAX = 5000;

/**
 * Runs a command, by the name of its file in dist/programs/. `keepsCode` leaves what V8 has made of a script by its end to
 * later starts (bundle.mjs).
 */
export async function launch(file, keepsCode = false) {
  nameProcess(parse(file).name);
  const path = join(programs, file);
  // While somebody compiles, what is there may be half of it.
  if (!existsSync(path) || (existsSync(lock) && !keepsCode)) await compile(path);
  try {
    if (file.endsWith('.cjs')) runScript(path, keepsCode);
    else await import(pathToFileURL(path).href);
  } catch (error) {
    if (isMissingPackage(error)) fail(`${error.message}\nRun: npm ci`);
    throw error;
  }
}

function isMissingPackage(error) {
  if (error?.code === 'MODULE_NOT_FOUND') return true;
  return error?.code === 'ERR_MODULE_NOT_FOUND' && /package/.test(error.message);
}

/** Where it is the same script and Node.js, V8 takes up what it made of it then in place of reading it again. */
function runScript(path, keepsCode) {
  const source = readFileSync(path, 'latin1');
  const [, digest] = /^\/\*(\w+)\*\//.exec(source);
  const kept = `${path}.${digest}.${process.version}-${process.arch}`;
  const script = new Script(source, {
    filename: path,
    cachedData: whatIsIn(kept),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  if (keepsCode) process.once('exit', () => writeFileSync(kept, script.createCachedData()));
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(path), module, path, programs);
}

function whatIsIn(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
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
  const failure = failureOf(compiler, options) ?? failureOf(process.execPath, [bundler]);
  return failure ?? (existsSync(path) ? undefined : `compiling did not make ${path}`);
}

function failureOf(program, options) {
  const { status, error, stdout, stderr } = spawnSync(program, options, { encoding: 'utf8', cwd: root });
  if (error !== undefined) return `${basename(program)} did not run: ${error.message}`;
  return status === 0 ? undefined : `${basename(program)} failed\n${stdout}${stderr}`;
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
