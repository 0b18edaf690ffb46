import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planCluster } from '../clusterPlan.ts';
import { ClusterConfigError, checkClusterConfig, parseClusterFile } from './parse.ts';

/** What is said of a file, line by line. */
function problemsOf(...lines: string[]): string[] {
  try {
    parseClusterFile(lines.join('\n'), 'x.yaml');
    return [];
  } catch (error) {
    if (!(error instanceof ClusterConfigError)) throw error;
    return error.message.split('\n');
  }
}

describe('parseClusterFile', () => {
  it.each(
    readdirSync(fileURLToPath(new URL('../../../configs', import.meta.url))).filter((name) => name.endsWith('.yaml')),
  )('takes configs/%s', (name) => {
    const text = readFileSync(new URL(`../../../configs/${name}`, import.meta.url), 'utf8');
    expect(parseClusterFile(text, name)).toMatchObject({ basePort: 9201, heartbeat: '20ms' });
  });

  it.each([[''], ['# nothing yet\n'], ['{}'], ['---\n~\n']])('refuses a file that says nothing: %j', (text) => {
    expect(problemsOf(text)).toEqual([
      'x.yaml:1: says nothing: expected keys such as "nodes: 3" and "backend: gorums"',
    ]);
  });

  it('takes every key', () => {
    const text = `
name: five
backend: hashicorp
servers: [{id: 1, port: 9201}, {address: ":9301"}, {address: "127.0.0.1:9401", datadir: /data/3}]
cluster: [1, 2]
batch: false
entriespermsg: 1024
catchupmultiplier: 16
election: 1m30s
heartbeat: 2ms
checkquorum: true
cache: 0
metrics: false
metricsBasePort: 15901
datadir: data
tls: true
restart: {enabled: true, firstDelay: 1s, maxDelay: 1s, stableAfter: 5s}
flags: {maxgrpc: 4096, ordergorums: false}
`;
    expect(problemsOf(text)).toEqual([]);
  });

  it('names the file, the line, the key, what was expected and what is there', () => {
    const lines = [
      '# three',
      'backend: gorums',
      'servers:',
      '  - id: 1',
      '    port: 9201',
      '  - id: 2',
      '    port: 99999',
    ];
    expect(problemsOf(...lines)).toEqual([
      'x.yaml:7: servers[1].port: expected a port between 1 and 65535, or 0 for one that is chosen and kept, got 99999',
    ]);
  });

  it.each([
    ['backend: gorms', 'backend: expected one of gorums, etcd, hashicorp, got "gorms"'],
    ['batch: yes', 'batch: expected true or false, got "yes"'],
    ['nodes: 0', 'nodes: expected a number of servers between 1 and 64, got 0'],
    ['nodes: 2.5', 'nodes: expected a number of servers between 1 and 64, got 2.5'],
    ['basePort: 65534', 'basePort: expected room for 3 ports up to 65535, got 65534'],
    [
      'metricsBasePort: -1',
      'metricsBasePort: expected a port between 1 and 65535, or 0 for one that is chosen and kept, got -1',
    ],
    ['metricsBasePort: 65534', 'metricsBasePort: expected room for 3 ports up to 65535, got 65534'],
    ['election: 5', 'election: expected a duration above zero, such as 20ms, 1s or 1m30s, got 5'],
    ['election: 0s', 'election: expected a duration above zero, such as 20ms, 1s or 1m30s, got "0s"'],
    ['heartbeat: -1s', 'heartbeat: expected a duration above zero, such as 20ms, 1s or 1m30s, got "-1s"'],
    ['heartbeat: 2s', 'heartbeat: expected a duration below the election timeout, got "2s"'],
    ['election: 10ms', 'election: expected a duration above the heartbeat interval of 20ms, got "10ms"'],
    ['cluster: []', 'cluster: expected at least one server id, got []'],
    ['cluster: [1, 4]', 'cluster[1]: expected the id of one of the 3 servers, got 4'],
    ['cluster: [2, 2]', 'cluster[1]: expected every server id once, got 2'],
    ['servers: []', 'servers: expected at least one server, got []'],
    ['servers: 3', 'servers: expected a list of servers, got 3'],
    ['servers: [9201]', 'servers[0]: expected a server such as {id: 1, port: 9201}, got 9201'],
    ['servers: [{id: 1}]', 'servers[0]: expected either a port or an address, got {"id":1}'],
    ['servers: [{port: 1, id: 2}]', "servers[0].id: expected 1 (a server's id is its place in the list), got 2"],
    [
      'servers: [{address: "a b:1"}]',
      'servers[0].address: expected an address such as 127.0.0.1:9201 or :9201, got "a b:1"',
    ],
    [
      'servers: [{port: 7}, {address: ":7"}]',
      'servers[1].address: expected a port of its own (server 1 has it), got ":7"',
    ],
    ['restart: 3', 'restart: expected restart settings such as {firstDelay: 500ms, maxDelay: 30s}, got 3'],
    ['restart: {firstDelay: 2s, maxDelay: 1s}', 'restart.maxDelay: expected at least firstDelay, got "1s"'],
    ['flags: {election: 1s}', 'flags.election: expected a flag that no other key sets (use election), got "1s"'],
    [
      'flags: {rejoin: true}',
      'flags.rejoin: expected a flag that no other key sets (use the command rejoin), got true',
    ],
    ['flags: {maxgprc: 4096}', 'flags.maxgprc: expected a flag of rkvd (did you mean maxgrpc?), got 4096'],
    [
      'flags: {maxgrpc: 7}',
      'flags.maxgrpc: rkvd refuses it (invalid value "7" for flag -maxgrpc: must be at least 1024), got 7',
    ],
    ['flags: {quiet: 5}', 'flags.quiet: rkvd refuses it (invalid boolean value "5" for -quiet: parse error), got 5'],
    ['flags: {-x: 1}', 'flags.-x: expected the name of an rkvd flag, without its dash'],
    ['flags: {x: [1]}', 'flags.x: expected a text, a number, true or false, got [1]'],
    ['{tls: true, flags: {tls-ca: ca.pem}}', 'flags.tls-ca: expected either tls or this flag, got "ca.pem"'],
    ['tls: yes', 'tls: expected true, false, or the files cert, key, ca, operatorCert and operatorKey, got "yes"'],
    [
      'tls: {cert: a.pem, key: "{id}.pem", ca: c.pem, operatorCert: o.pem, operatorKey: k.pem}',
      'tls.cert: expected a file of each server, with {id} in its path, such as certs/server-{id}.pem, got "a.pem"',
    ],
    [
      'tls: {ca: 3}',
      'tls.cert: expected a file of each server, with {id} in its path, such as certs/server-{id}.pem, got nothing',
    ],
    ['heartbaet: 20ms', 'heartbaet: unknown key: did you mean heartbeat?'],
    ['base_port: 9201', 'base_port: unknown key: did you mean basePort?'],
    ['restart: {firstdelay: 1s}', 'restart.firstdelay: unknown key: did you mean firstDelay?'],
    ['servers: [{prot: 9201}]', 'servers[0].prot: unknown key: did you mean port?'],
    ['restart: {colour: 1}', 'restart.colour: unknown key: expected one of enabled, firstDelay, maxDelay, stableAfter'],
    ['- 1', 'expected a mapping of keys such as backend: gorums, got [1]'],
  ])('refuses %s', (text, problem) => {
    expect(problemsOf('# first line', text)[0]).toBe(`x.yaml:2: ${problem}`);
  });

  it('tells of every problem, in the order of the lines', () => {
    const lines = ['wrong: 1', 'cache: -1', 'restart:', '  enabled: maybe', '  # a comment', '  maxDelay:', '    soon'];
    expect(problemsOf(...lines).map((line) => line.split(': ', 2).join(': '))).toEqual([
      'x.yaml:1: wrong',
      'x.yaml:2: cache',
      'x.yaml:4: restart.enabled',
      'x.yaml:6: restart.maxDelay',
    ]);
  });

  it('takes certificates of its own, each problem with its line', () => {
    const lines = ['tls:', '  cert: certs/server-{id}.pem', '  key: certs/server-{id}-key.pem', '  ca: certs/ca.pem'];
    const operator = [
      '  operatorCert: certs/me.pem',
      '  operatorKey: certs/me-key.pem',
      '  clientCa: certs/clients.pem',
    ];
    expect(problemsOf(...lines, ...operator)).toEqual([]);
    expect(problemsOf(...lines, ...operator.with(1, '  operatorKey: 7'))).toEqual([
      "x.yaml:6: tls.operatorKey: expected a file with the operator's key, got 7",
    ]);
    expect(problemsOf(...lines, ...operator.with(2, '  clientca: x'))).toEqual([
      'x.yaml:7: tls.clientca: unknown key: did you mean clientCa?',
    ]);
  });

  it('tells nodes and servers apart', () => {
    expect(problemsOf('nodes: 1', 'servers: [{port: 1}]')).toEqual([
      'x.yaml:1: nodes: expected either nodes or servers, not both, got 1',
    ]);
  });

  it('takes servers that share a port at addresses of their own, and aliases', () => {
    expect(problemsOf('servers: [{address: "127.0.0.1:9201"}, {address: "127.0.0.2:9201"}]')).toEqual([]);
    expect(problemsOf('election: &e 2s', 'restart: {firstDelay: *e, maxDelay: *e}')).toEqual([]);
  });

  it.each([
    ['servers: [{address: "127.0.0.1:7"}, {address: "localhost:7"}]', 'servers[1].address: expected a port of its own'],
    ['restart: {firstDelay: 597h}', 'restart.firstDelay: expected a duration of at most 596h, got "597h"'],
    ['servers: [{address: "LOCALHOST:7"}, {address: "127.1:7"}]', 'servers[1].address: expected a port of its own'],
    ['servers: [{address: "[::1]:7"}, {address: "[0:0::1]:7"}]', 'servers[1].address: expected a port of its own'],
    ['servers: [{address: "[0::0]:7"}, {address: "127.0.0.2:7"}]', 'servers[1].address: expected a port of its own'],
    ['servers: [{address: "0.0.0.0:7"}, {address: "127.0.0.2:7"}]', 'servers[1].address: expected a port of its own'],
    ['servers: [{port: 7}, {port: 7}]', 'servers[1].port: expected a port of its own (server 1 has it), got 7'],
    ['datadir: "a\\0b"', 'datadir: expected a folder, got "a\\u0000b"'],
    ['flags: {x: "a\\0b"}', 'flags.x: expected a text, a number, true or false, got "a\\u0000b"'],
    ['nodes: .inf', 'nodes: expected a number of servers between 1 and 64, got Infinity'],
    ['flags: {constructor: [1]}', 'flags.constructor: expected a text, a number, true or false, got [1]'],
    ['constructor: 1', 'constructor: unknown key: expected one of'],
    ['flags: {__proto__: 3}', 'not YAML: __proto__ is no key'],
    ['__proto__: {nodes: 3}', 'not YAML: __proto__ is no key'],
    ['servers: [{port: 1, __proto__: 3}]', 'not YAML: __proto__ is no key'],
    ['servers: &s [*s]', 'not YAML: the alias *s stands in what it stands for'],
    ['flags: &f {x: {y: *f}}', 'not YAML: the alias *f stands in what it stands for'],
    ['nodes: !!js/function 3', 'not YAML: Unresolved tag'],
    ['? [a]\n: 1', 'not YAML: expected a plain word as a key'],
    ['!!binary aa: 1', 'not YAML: expected a plain word as a key'],
    ['? {a: 1}\n: 1', 'not YAML: expected a plain word as a key'],
    [`name: ${'['.repeat(20_000)}`, 'not YAML: expected at most 32 lists and mappings in one another'],
    ['- '.repeat(20_000), 'not YAML: expected at most 32 lists and mappings in one another'],
    [`? ${'{'.repeat(20_000)}`, 'not YAML: expected at most 32 lists and mappings in one another'],
    [`servers: [&a {port: 1}, ${'*a, '.repeat(10_000)}]`, 'too large: expected at most 256 aliases'],
    ['x'.repeat(2 << 20), 'too large: expected at most 1048576 bytes'],
    ['"\\e[31mred\\u202e": 1', '\\x1b[31mred\\u202e: unknown key: expected one of'],
    ['backend: "\\e[31m\\u009b2J"', 'backend: expected one of gorums, etcd, hashicorp, got "\\u001b[31m\\u009b2J"'],
  ])('refuses %.60s with a line, whatever it does to others', (text, problem) => {
    expect(problemsOf(text)[0]!.startsWith(`x.yaml:1: ${problem}`), problemsOf(text)[0]!).toBe(true);
  });

  it('refuses aliases that multiply', () => {
    const lines = ['a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]'];
    for (let at = 1; at < 10; at++)
      lines.push(
        `a${at}: &a${at} [${Array(9)
          .fill(`*a${at - 1}`)
          .join(', ')}]`,
      );
    expect(problemsOf(...lines)).toEqual([
      'x.yaml:6: not YAML: expected at most 100000 values, those counted that aliases repeat',
    ]);
  });

  it('tells of the first of many problems, and that there are more', () => {
    const unknown = Array.from({ length: 20_000 }, (_, at) => `k${at}: 1`);
    const problems = problemsOf(...unknown);
    expect(problems[0]).toMatch(/^x\.yaml:1: k0: unknown key: /);
    expect(problems[19]).toMatch(/^x\.yaml:20: k19: unknown key: /);
    expect(problems.slice(20)).toEqual(['x.yaml: and more like these']);
    const some = unknown.slice(0, 5000);
    expect(problemsOf(`flags: {${some.map((line) => line.replace(': 1', ': []')).join(', ')}}`)).toHaveLength(21);
    expect(problemsOf(`cluster: [${'9, '.repeat(5000)}]`)).toHaveLength(21);
    expect(problemsOf('}{]['.repeat(10_000))).toHaveLength(21);
    expect(problemsOf('backend: etcd', `${'y'.repeat(50_000)}: 1`)[0]!.length).toBeLessThan(500);
  });

  it('says what is wrong with the file and where, whatever the text is', () => {
    const word = fc.constantFrom(
      ...[
        'servers',
        'flags',
        'nodes',
        'restart',
        'cluster',
        'name',
        'port',
        'address',
        'constructor',
        '__proto__',
        '<<',
      ],
      ...[
        'toString',
        'x',
        '1',
        '9201',
        '-1',
        '1e999',
        '.nan',
        'null',
        '~',
        'true',
        '2s',
        '":9201"',
        '"\\e[1m"',
        '!!set',
        '!x',
      ],
    );
    const mark = fc.constantFrom(
      ...[
        '&a ',
        '&b ',
        '*a',
        '*b',
        '[',
        ']',
        '{',
        '}',
        ', ',
        ': ',
        '? ',
        '- ',
        '\n',
        '\n  ',
        '\n    ',
        '# ',
        '---\n',
        '...\n',
      ],
      ...['"', "'", '|\n', '>-\n ', '%TAG ! x\n', '\t', '\u0000', '\ufeff', '\u2028', '\ud800', '!!map ', '!!binary '],
    );
    const text = fc.oneof(
      fc.array(fc.oneof(word, mark), { maxLength: 40 }).map((parts) => parts.join('')),
      fc.json({ maxDepth: 4 }),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(text, (given) => {
        try {
          planCluster(parseClusterFile(given, 'x.yaml'), 'x');
        } catch (error) {
          if (!(error instanceof ClusterConfigError)) throw error;
          for (const line of error.message.split('\n')) expect(line).toMatch(/^x\.yaml(:\d+)?: [^\p{Cc}]+$/u);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('says where a text is not YAML', () => {
    expect(problemsOf('nodes: 3', 'cluster: [1, 2')[0]).toMatch(/^x\.yaml:2: not YAML: /);
    expect(problemsOf('nodes: 3', 'nodes: 4')[0]).toMatch(/^x\.yaml:2: not YAML: .*unique/);
    expect(problemsOf('nodes: 3', '---', 'nodes: 4')[0]).toMatch(/^x\.yaml:[23]: not YAML: expected one document/);
    expect(problemsOf('a: *b')[0]).toMatch(/^x\.yaml:1: not YAML: /);
  });

  it('cuts what it shows', () => {
    expect(problemsOf(`backend: ${'x'.repeat(500)}`)[0]!.length).toBeLessThan(150);
  });
});

describe('checkClusterConfig', () => {
  it('shows what it cannot show as JSON', () => {
    const loop: Record<string, unknown> = {};
    loop.backend = loop;
    expect(() => checkClusterConfig(loop)).toThrow(
      'backend: expected one of gorums, etcd, hashicorp, got [object Object]',
    );
  });

  it('has no line to name', () => {
    expect(() => checkClusterConfig({ nodes: -1 })).toThrow(
      'cluster settings: nodes: expected a number of servers between 1 and 64, got -1',
    );
  });
});
