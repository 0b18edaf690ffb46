import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkClusterConfig, parseClusterFile } from './parse.ts';
import { ClusterConfigError } from './problems.ts';

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

  it('takes an empty file', () => {
    expect(parseClusterFile('# nothing yet\n', 'x.yaml')).toEqual({});
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
datadir: data
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
    expect(problemsOf(...lines)).toEqual(['x.yaml:7: servers[1].port: expected a port between 1 and 65535, got 99999']);
  });

  it.each([
    ['backend: gorms', 'backend: expected one of gorums, etcd, hashicorp, got "gorms"'],
    ['batch: yes', 'batch: expected true or false, got "yes"'],
    ['nodes: 0', 'nodes: expected a number of servers between 1 and 64, got 0'],
    ['nodes: 2.5', 'nodes: expected a number of servers between 1 and 64, got 2.5'],
    ['basePort: 65534', 'basePort: expected room for 3 ports up to 65535, got 65534'],
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
    ['flags: {-x: 1}', 'flags.-x: expected the name of an rkvd flag, without its dash'],
    ['flags: {x: [1]}', 'flags.x: expected a text, a number, true or false, got [1]'],
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

  it('tells nodes and servers apart', () => {
    expect(problemsOf('nodes: 1', 'servers: [{port: 1}]')).toEqual([
      'x.yaml:1: nodes: expected either nodes or servers, not both, got 1',
    ]);
  });

  it('says where a text is not YAML', () => {
    expect(problemsOf('nodes: 3', 'cluster: [1, 2')[0]).toMatch(/^x\.yaml:2: not YAML: /);
    expect(problemsOf('nodes: 3', 'nodes: 4')[0]).toMatch(/^x\.yaml:2: not YAML: .*unique/);
    expect(problemsOf('a: *b')[0]).toMatch(/^x\.yaml:1: not YAML: /);
  });

  it('cuts what it shows', () => {
    expect(problemsOf(`backend: ${'x'.repeat(500)}`)[0]!.length).toBeLessThan(150);
  });
});

describe('checkClusterConfig', () => {
  it('has no line to name', () => {
    expect(() => checkClusterConfig({ nodes: -1 })).toThrow(
      'cluster settings: nodes: expected a number of servers between 1 and 64, got -1',
    );
  });
});
