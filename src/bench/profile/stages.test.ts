import { readdirSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { describe, expect, it } from 'vitest';
import { packagePath } from '../../cli/packagePath.ts';
import { Modules } from './modules.ts';
import { BENCH_STAGES, SERVER_STAGES, stageNames, stageOf } from './stages.ts';
import { frame } from './testing/sampleProfile.ts';

const sources = readdirSync(packagePath('src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  .map((name) => `src/${name}`);
const packages = readdirSync(packagePath('node_modules'), { encoding: 'utf8' }).flatMap((name) =>
  name.startsWith('@')
    ? readdirSync(packagePath('node_modules', name)).map((each) => `npm:${name}/${each}`)
    : `npm:${name}`,
);
const modules = [
  ...sources,
  ...packages,
  ...builtinModules.map((name) => `node:${name}`),
  'node:internal/process/task_queues',
];

describe.each([
  ['servers', SERVER_STAGES],
  ['bench', BENCH_STAGES],
])('the stages of %s', (_, rules) => {
  it('are of modules that are there', () => {
    expect(rules.filter(({ module }) => !modules.some((name) => module.test(name)))).toEqual([]);
  });

  it('are named once each', () => {
    const names = stageNames(rules);
    expect(new Set(names).size).toBe(names.length);
  });
});

it('takes every file of a server that runs for each request to a stage', () => {
  const rooms =
    /^src\/(?:server\/(?:host|storage|stateMachine|transport|service|net|admission|observe)|net\/(?:http2|grpc)|consensus)\/(?!.*testing\/|.*\.(?:suite|bench)\.ts)/;
  const files = sources.filter((name) => rooms.test(name));
  expect(files.length).toBeGreaterThan(100);
  expect(
    files.filter(
      (name) => !SERVER_STAGES.some(({ module, functions }) => functions === undefined && module.test(name)),
    ),
  ).toEqual([]);
});

it('takes what helps all for its caller', () => {
  const own = (path: string) => packagePath('dist', ...path.split('/'));
  const stack = [frame('uint32', own('bytes/byteReader.js')), frame('decode', own('consensus/etcd/codec.js'))];
  expect(stageOf(stack, SERVER_STAGES, new Modules())).toBe('peers’ messages: encode, decode');
  expect(stageOf(stack.slice(0, 1), SERVER_STAGES, new Modules())).toBe('other');
});
