import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ENGINE_NAMES } from '../src/consensus/engines.ts';

/**
 * Which folders of src/ each one may import besides itself; docs/architecture.md says why. An entry with a slash allows a
 * part of a folder only.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  bytes: [],
  certificates: ['net/endpoints', 'files'],
  consensus: ['bytes/byteReader.ts', 'bytes/varint.ts'],
  checker: [],
  cli: ['goflags'],
  faults: ['goflags/goValues.ts'],
  files: ['cli'],
  settings: ['consensus/contract.ts', 'consensus/engines.ts', 'goflags', 'wire/limits.ts', 'yaml'],
  yaml: ['cli', 'goflags/goValues.ts'],
  goflags: [],
  net: [],
  wire: ['bytes', 'faults/serverFault.ts'],
  server: ['bytes', 'consensus', 'faults', 'settings', 'net', 'wire', 'cli', 'files', 'goflags'],
  client: ['consensus/engines.ts', 'net/endpoints', 'offline', 'wire', 'cli', 'files', 'goflags'],
  offline: [
    'consensus/contract.ts',
    'consensus/snapshotContent.ts',
    'server/host/stateMachine.ts',
    'server/identity',
    'server/stateMachine/snapshotReader.ts',
    'server/storage',
    'wire',
    'files',
  ],
  supervisor: [
    'offline',
    'consensus/engines.ts',
    'certificates',
    'settings',
    'client',
    'faults',
    'scenarios',
    'yaml',
    'net/endpoints',
    'wire',
    'cli',
    'files',
    'goflags',
  ],
  attack: ['consensus/engines.ts', 'supervisor', 'client', 'net/endpoints', 'net/http2', 'wire', 'cli'],
  chaos: [
    'consensus/engines.ts',
    'consensus/entry.ts',
    'consensus/snapshotContent.ts',
    'server/stateMachine/keyValueStore.ts',
    'server/storage',
    'files/privateFile.ts',
    'checker',
    'faults/requests/faultRequest.ts',
    'supervisor',
    'client',
    'simulator/random.ts',
    'net/endpoints/addresses.ts',
    'wire',
    'cli',
  ],
  bench: [
    'consensus/engines.ts',
    'settings',
    'supervisor',
    'scenarios',
    'client',
    'net/endpoints',
    'net/http2',
    'wire',
    'cli',
    'files',
    'goflags',
    'yaml',
  ],
  scenarios: ['faults', 'files', 'settings', 'yaml', 'goflags/goValues.ts'],
  simulator: [
    'consensus',
    'checker',
    'faults',
    'scenarios',
    'settings',
    'cli',
    'supervisor/restartPolicy.ts',
    'client/clientSession.ts',
    'client/environment.ts',
    'client/leaderChannel.ts',
    'client/pendingCommand.ts',
    'client/sessionStream.ts',
    'client/transport.ts',
    'wire/command.ts',
    'wire/fence.ts',
    'wire/generated/rkv.ts',
    'server/faults',
    'server/host',
    'server/identity/admission.ts',
    'server/identity/asking.ts',
    'server/identity/binding.ts',
    'server/identity/fences.ts',
    'server/identity/hearsay.ts',
    'server/identity/identity.ts',
    'server/identity/keptIdentity.ts',
    'server/identity/objections.ts',
    'server/identity/owner.ts',
    'server/identity/shutOuts.ts',
    'server/identity/startDecision.ts',
    'server/service/sessionStream.ts',
    'server/stateMachine',
    'server/storage/binding.ts',
    'server/storage/chunkedLogStore.ts',
    'server/storage/contract.ts',
    'server/storage/journalEntry.ts',
    'server/storage/keys.ts',
    'server/storage/laggingDisk.ts',
    'server/storage/memoryDisk.ts',
    'server/storage/piecedDisk.ts',
    'server/storage/promisedDisk.ts',
  ],
  sideBySide: ['consensus/engines.ts', 'scenarios', 'simulator', 'supervisor', 'cli', 'files'],
  micro: ['bench/statistics', 'consensus', 'net/http2', 'server/stateMachine', 'server/storage', 'wire', 'cli'],
  nodeLines: ['cli'],
  damage: ['server/storage', 'consensus/engines.ts', 'supervisor', 'client', 'wire', 'cli', 'files'],
  fuzz: [
    'bench/results',
    'bench/testing/sampleRun.ts',
    'bytes/varint.ts',
    'consensus',
    'net',
    'offline/snapshotFile.ts',
    'scenarios/file',
    'server',
    'settings/table.ts',
    'supervisor/config',
    'wire',
    'cli',
    'goflags',
  ],
  mutants: ['consensus/engines.ts', 'cli', 'files', 'simulator/engines.ts', 'simulator/world.ts'],
  conformance: ['consensus', 'checker', 'wire', 'cli', 'files'],
};

/** What every engine has, each in its own way; its own ideas stand beside them (docs/engines.md). */
const SUBJECTS = [
  'engine',
  'election',
  'follower',
  'leader',
  'replication',
  'reads',
  'membership',
  'messages',
  'codec',
  'limits',
  'state',
  'index',
];

/** Rooms of a server whose rules hold however it is reached, and reaches others: the simulator runs them on ways of its own. */
const UNREACHED = ['server/host', 'server/identity', 'server/stateMachine', 'server/storage'];
const TRANSPORT_MODULES = /^(?:@grpc\/|grpc-|node:(?:dgram|http2?|https|net|tls)$)/;

/** What would make an engine's outputs depend on more than its inputs. */
const IMPURE =
  /\b(Date\.now|new Date|Math\.random|performance\.|setTimeout|setInterval|setImmediate|process\.|Buffer\.|await )/;

/** `{ ...one, more }`, but neither `[...list]` nor `call(...list)`. */
const OBJECT_SPREAD = /\{[^()[\]{}]*\.\.\.\w+/;

const SOURCE = 'src';

interface Source {
  readonly path: string;
  readonly folder: string;
  readonly text: string;
  readonly imports: readonly string[];
}

/** What only tests use is among them. */
const files: Source[] = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => {
    const text = readFileSync(join(SOURCE, name), 'utf8');
    const imports = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1]!);
    return { path: name, folder: name.split('/')[0]!, text, imports };
  });

const sources = files.filter(({ path }) => !/\.(test|suite)\.ts$/.test(path) && !path.split('/').includes('testing'));

/** Without comments. */
function engineCode(): { readonly path: string; readonly code: string }[] {
  return sources
    .filter(({ folder }) => folder === 'consensus')
    .map(({ path, text }) => ({ path, code: text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '') }));
}

function within(source: Source, imported: string): string {
  return relative(SOURCE, normalize(join(SOURCE, dirname(source.path), imported)));
}

/**
 * The groups of files in which each can be reached from each other (Tarjan 1972), their names in order: none of them could be
 * read, or taken apart, before the others.
 */
function circles(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = [];
  const numbers = new Map<string, number>();
  const stack: string[] = [];
  const visit = (path: string): number => {
    const number = numbers.size;
    numbers.set(path, number);
    stack.push(path);
    let lowest = number;
    for (const target of imports.get(path) ?? []) {
      if (!imports.has(target)) continue;
      const isNew = !numbers.has(target);
      if (isNew || stack.includes(target)) lowest = Math.min(lowest, isNew ? visit(target) : numbers.get(target)!);
    }
    if (lowest === number) {
      const group = stack.splice(stack.indexOf(path)).sort();
      if (group.length > 1 || imports.get(path)!.includes(path)) found.push(group.join(' '));
    }
    return lowest;
  };
  for (const path of imports.keys()) if (!numbers.has(path)) visit(path);
  return found.sort();
}

describe('circles of imports', () => {
  it('are found, and nothing else is', () => {
    const of = (drawn: Readonly<Record<string, string>>) =>
      circles(new Map(Object.entries(drawn).map(([path, targets]) => [path, targets.split('')])));
    expect(of({ a: 'bc', b: 'c', c: '' })).toEqual([]);
    expect(of({ a: 'b', b: 'c', c: 'b', d: 'ae', e: 'd' })).toEqual(['b c', 'd e']);
    expect(of({ a: 'bd', b: 'c', c: 'a', d: 'x' })).toEqual(['a b c']);
    expect(of({ a: 'a', b: 'a' })).toEqual(['a']);
  });

  it('are nowhere, types and testing/ included', () => {
    const imports = new Map(
      files.map((source) => [
        source.path,
        source.imports.filter((name) => name.startsWith('.')).map((name) => within(source, name)),
      ]),
    );
    expect(circles(imports)).toEqual([]);
  });
});

/** What makes connections, or takes them: the values, not the types, that a file imports. */
const REACHING: Readonly<Record<string, RegExp>> = {
  'node:net': /\b(?:connect|createConnection|createServer|Socket|Server)\b/,
  'node:tls': /./,
  'node:http2': /./,
  '@grpc/grpc-js': /\b(?:credentials|ServerCredentials|ChannelCredentials)\b/,
};

/** Files outside net/endpoints/ that do so all the same: none of them reaches a server of ours as a client or a peer does. */
const REACHING_OTHERWISE: Readonly<Record<string, string>> = {
  'attack/http2Frames.ts': 'HTTP/2 with its window shut, as no client of ours speaks it',
  'attack/strangers.ts': 'TLS without a certificate, as no client of ours may come',
  'bench/trials/slowServer.ts': 'makes a server of others slower',
  'chaos/faultyLink.ts': 'passes on the bytes of others',
  'server/parentWatch.ts': 'an inherited pipe',
  'server/server.ts': 'whether its own address is free',
  'supervisor/control/client.ts': 'a Unix socket',
  'supervisor/control/server.ts': 'a Unix socket',
  'supervisor/process/delayProxy.ts': 'passes on the bytes of others',
  'supervisor/process/freePorts.ts': 'which ports are free',
};

it('other processes are reached by way of net/endpoints/ alone', () => {
  const reaching = sources.filter(({ path, text }) => {
    if (path.startsWith('net/endpoints/')) return false;
    return [...text.matchAll(/^import (?!type)([^;]+?) from '([^']+)'/gms)].some(([, names, from]) => {
      const values = names!.replaceAll(/\btype \w+(?: as \w+)?/g, '');
      return REACHING[from!]?.test(values);
    });
  });
  expect(reaching.map(({ path }) => path).sort()).toEqual(Object.keys(REACHING_OTHERWISE).sort());
});

describe('the folders of src/', () => {
  it('are all named here', () => {
    expect([...new Set(sources.map(({ folder }) => folder))].sort()).toEqual(Object.keys(MAY_IMPORT).sort());
  });

  it.each(Object.keys(MAY_IMPORT))('%s imports only what it may', (folder) => {
    const allowed = [folder, ...MAY_IMPORT[folder]!];
    const strays: string[] = [];
    for (const source of sources.filter((each) => each.folder === folder)) {
      for (const imported of source.imports.filter((name) => name.startsWith('.'))) {
        const target = within(source, imported);
        if (!allowed.some((each) => target === each || target.startsWith(`${each}/`))) {
          strays.push(`${source.path} imports ${target}`);
        }
      }
    }
    expect(strays).toEqual([]);
  });

  it('give the same subject the same file name in each engine', () => {
    const missing = ENGINE_NAMES.flatMap((engine) =>
      SUBJECTS.map((subject) => `consensus/${engine}/${subject}.ts`).filter(
        (wanted) => !sources.some(({ path }) => path === wanted),
      ),
    );
    expect(missing).toEqual([]);
  });

  it('keep engines apart: none imports another one, and what they share imports none', () => {
    const engineOf = (path: string) => ENGINE_NAMES.find((name) => path.startsWith(`consensus/${name}/`));
    const strays = sources
      .filter(({ folder, path }) => folder === 'consensus' && path !== 'consensus/engines.ts')
      .flatMap((source) =>
        source.imports
          .filter((name) => name.startsWith('.'))
          .map((name) => within(source, name))
          .filter((target) => ![undefined, engineOf(source.path)].includes(engineOf(target)))
          .map((target) => `${source.path} imports ${target}`),
      );
    expect(strays).toEqual([]);
  });

  it.each(UNREACHED)('have %s know nothing of gRPC and sockets, also by way of what it imports', (room) => {
    const inRoom = sources.filter(({ path }) => path.startsWith(`${room}/`));
    const reached = new Set(inRoom);
    for (const source of reached) {
      for (const name of source.imports.filter((each) => each.startsWith('.'))) {
        const target = files.find(({ path }) => path === within(source, name));
        if (target !== undefined) reached.add(target);
      }
    }
    expect(reached.size).toBeGreaterThan(inRoom.length);
    const strays = [...reached].flatMap(({ path, imports }) =>
      imports.filter((name) => TRANSPORT_MODULES.test(name)).map((name) => `${path} imports ${name}`),
    );
    expect(strays).toEqual([]);
  });

  it('keep engines and checker free of everything outside themselves', () => {
    const strays = sources
      .filter(
        ({ folder, path }) => folder === 'consensus' || (folder === 'checker' && !path.startsWith('checker/bench')),
      )
      .flatMap(({ path, imports }) =>
        imports.filter((name) => !name.startsWith('.')).map((name) => `${path}: ${name}`),
      );
    expect(strays).toEqual([]);
  });

  it('spell out what engines make: V8 gives an object spread with more properties a new shape each time, and its readers miss', () => {
    const strays = engineCode().flatMap(({ path, code }) => {
      const found = OBJECT_SPREAD.exec(code);
      return found === null ? [] : [`${path}: ${found[0]}`];
    });
    expect(strays).toEqual([]);
  });

  it('keep the clock, chance and waiting out of engines', () => {
    const strays = engineCode().flatMap(({ path, code }) => {
      const found = IMPURE.exec(code);
      return found === null ? [] : [`${path}: ${found[0]}`];
    });
    expect(strays).toEqual([]);
  });
});

it('private members are private: there is one way to say so', () => {
  const strays = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .filter((name) =>
      /^ +(?:(?:readonly|static|get|set|async) |\*)*#\w/m.test(readFileSync(join(SOURCE, name), 'utf8')),
    );
  expect(strays).toEqual([]);
});
