// Makes dist/programs/ of what the compiler made: each command as one script, with the libraries that it uses, and beside it
// the code that V8 made of that, which bin/launch.mjs gives back to it. A server loads a file then in place of six hundred.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('.', import.meta.url));
const folder = join(root, 'dist', 'programs');
const launcher = new URL('bin/launch.mjs', import.meta.url).href;
const SCRIPTS = {
  rkvd: 'dist/server/main.js',
  rkvctl: 'dist/client/rkvctl/main.js',
  'rkv-cluster': 'dist/supervisor/main.js',
};

/** Engines come with the script: as kept code they cost next to nothing until they run. */
const engines = {
  name: 'engines',
  transform: {
    filter: { id: /dist\/consensus\/engines\.js$/ },
    handler(code) {
      const imports = [];
      const loaded = code.replaceAll(/import\('(\.\/\w+\/index\.js)'\)/g, (_, path) => {
        imports.push(`import * as engine${imports.length} from '${path}';`);
        return `Promise.resolve(engine${imports.length - 1})`;
      });
      return `${imports.join('')}${loaded}`;
    },
  },
};

/** LevelDB itself stays where it was installed. */
const levelBinding = {
  name: 'level-binding',
  load: {
    filter: { id: /classic-level\/binding\.js$/ },
    handler: () =>
      `const { createRequire } = require('node:module');
      module.exports = createRequire(createRequire(__filename).resolve('level'))('classic-level/binding.js');`,
  },
};

/** Parts of libraries that nothing here uses, and that load much of Node.js which nothing here does either. */
const unused = {
  name: 'unused',
  load: {
    filter: { id: /prom-client\/lib\/(cluster|pushgateway)\.js$/ },
    handler: () => 'module.exports = undefined;',
  },
};

/** Makes a function of a module. All of it is ASCII, which V8 takes as it is, and begins with its own name. */
function asScript(code) {
  const ascii = code.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  const name = createHash('sha256').update(ascii).digest('hex').slice(0, 16);
  return `/*${name}*/(function (exports, require, module, __filename, __dirname) {${ascii}\n})`;
}

/** Has a script run once, for the code of what a start goes through. What was kept of an earlier one goes. */
function keepCode(file) {
  const kept = () => readdirSync(folder).filter((name) => name.startsWith(`${file}.`) && !name.endsWith('.map'));
  for (const name of kept()) rmSync(join(folder, name));
  const program = `import(${JSON.stringify(launcher)}).then(({ launch }) => launch('${file}', true))`;
  const { status } = spawnSync(process.execPath, ['--eval', program, file, '--help'], { stdio: 'ignore' });
  if (status !== 0) throw new Error(`${file} --help ended with ${status}`);
  // Programs keep what they write to their user; this is for all who may run them.
  for (const name of kept()) chmodSync(join(folder, name), 0o644);
}

const written = new Set();

/** Whole or not at all: commands may start meanwhile. */
function write(file, content) {
  written.add(file);
  writeFileSync(join(folder, `${file}.new`), content);
  renameSync(join(folder, `${file}.new`), join(folder, file));
}

mkdirSync(folder, { recursive: true });
const base = { cwd: root, platform: 'node', logLevel: 'silent' };
for (const [name, input] of Object.entries(SCRIPTS)) {
  const bundle = await rolldown({
    ...base,
    input: { [name]: input },
    // It reads .proto files, which nothing here does in general.
    external: ['@grpc/proto-loader'],
    plugins: [engines, levelBinding, unused],
  });
  const { output } = await bundle.generate({
    format: 'cjs',
    codeSplitting: false,
    entryFileNames: '[name].cjs',
    sourcemap: true,
    comments: { legal: true, annotation: false, jsdoc: false },
  });
  await bundle.close();
  for (const { fileName, code, source } of output) write(fileName, code === undefined ? source : asScript(code));
  keepCode(`${name}.cjs`);
}

// What draws its reports is large and seldom wanted: modules are loaded one by one.
const bench = await rolldown({
  ...base,
  input: { 'rkv-bench': 'dist/bench/main.js' },
  external: [/^(echarts|hdr-|@peculiar|reflect-metadata)/],
});
const { output } = await bench.generate({
  format: 'esm',
  entryFileNames: '[name].mjs',
  chunkFileNames: '[name].mjs',
  sourcemap: true,
});
await bench.close();
for (const { fileName, code, source } of output) write(fileName, code ?? source);

const isKeptCode = (name) => /\.cjs\.\w+\.v/.test(name);
for (const name of readdirSync(folder)) if (!written.has(name) && !isKeptCode(name)) rmSync(join(folder, name));
