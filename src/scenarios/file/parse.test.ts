import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseScenario, ScenarioError } from './parse.ts';

const LIBRARY = fileURLToPath(new URL('../../../scenarios/', import.meta.url));

const HEAD = ['name: x', 'origin: a test', 'description: nothing', 'lasts: 9s'];

/** What is said of a file, line by line. */
function problemsOf(...lines: string[]): string[] {
  try {
    parseScenario(lines.join('\n'), 'x.yaml');
    return [];
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error;
    return error.message.split('\n');
  }
}

const withSteps = (...steps: string[]) => problemsOf(...HEAD, 'steps:', ...steps.map((step) => `  - {${step}}`));

describe('a scenario of the library', () => {
  it.each(readdirSync(LIBRARY))('%s says where it comes from, and what it is to show', (name) => {
    const scenario = parseScenario(readFileSync(`${LIBRARY}${name}`, 'utf8'), name);
    expect(scenario.origin.length).toBeGreaterThan(20);
    expect(scenario.description.length).toBeGreaterThan(20);
  });
});

describe('parseScenario', () => {
  it('fills in what is not said as rkvd has it', () => {
    const text = [...HEAD, 'steps:', '  - {at: 2s, fault: partition, server: leader, for: 1500ms, as: old}'].join('\n');
    expect(parseScenario(text, 'x.yaml')).toEqual({
      name: 'x',
      origin: 'a test',
      description: 'nothing',
      cluster: {
        nodes: 3,
        members: [1, 2, 3],
        settings: {
          batch: true,
          entriespermsg: 64,
          catchupmultiplier: 1024,
          heartbeat: 20,
          election: 1000,
          checkquorum: false,
          readproof: 'round',
        },
      },
      load: { clients: 4, rate: 25, payloadBytes: 16 },
      lastsMs: 9000,
      steps: [
        {
          atMs: 2000,
          as: 'old',
          action: {
            kind: 'fault',
            forMs: 1500,
            fault: { kind: 'link', targets: 'leader', to: true, from: true, trouble: { kind: 'cut' } },
          },
        },
      ],
    });
  });

  it.each([
    ['fault: kill, server: leader', { kind: 'kill', targets: 'leader', signal: 'SIGKILL', restart: true }],
    [
      'fault: kill, server: 2, signal: SIGTERM, restart: false',
      { kind: 'kill', targets: '2', signal: 'SIGTERM', restart: false },
    ],
    ['fault: pause, server: "1,2"', { kind: 'pause', targets: '1,2' }],
    [
      'fault: partition, server: leader, from: others',
      { kind: 'link', targets: 'leader', to: false, from: true, trouble: { kind: 'cut' } },
    ],
    [
      'fault: partition, server: leader, to: follower, from: follower',
      { kind: 'link', targets: 'leader', peers: 'follower', to: true, from: true, trouble: { kind: 'cut' } },
    ],
    [
      'fault: partition, server: leader, to: clients',
      { kind: 'client-link', targets: 'leader', to: true, from: false, trouble: { kind: 'cut' } },
    ],
    ['fault: partition, server: "1,2/3"', { kind: 'groups', groups: [[1, 2], [3]] }],
    [
      'fault: delay, server: all, by: 20ms, jitter: 5ms, to: 2',
      {
        kind: 'link',
        targets: 'all',
        peers: '2',
        to: true,
        from: false,
        trouble: { kind: 'delay', shape: { kind: 'normal', meanUs: 20_000, deviationUs: 5000 } },
      },
    ],
    [
      'fault: loss, server: all, chance: 10%',
      { kind: 'link', targets: 'all', to: true, from: true, trouble: { kind: 'loss', chance: 0.1 } },
    ],
    [
      'fault: bandwidth, server: 1, limit: 1MB',
      { kind: 'link', targets: '1', to: true, from: true, trouble: { kind: 'bandwidth', bytesPerSecond: 1e6 } },
    ],
    ['fault: slow-disk, server: follower, by: 100ms', { kind: 'slow-disk', targets: 'follower', syncAddedUs: 100_000 }],
    ['fault: stalled-disk, server: leader', { kind: 'stalled-disk', targets: 'leader' }],
    ['fault: full-disk, server: leader', { kind: 'full-disk', targets: 'leader' }],
    ['fault: clock, server: 1, rate: 2', { kind: 'clock', targets: '1', rate: 2 }],
  ])('takes {at: 1s, %s}', (step, fault) => {
    const text = [...HEAD, 'steps:', `  - {at: 1s, ${step}}`].join('\n');
    expect(parseScenario(text, 'x.yaml').steps[0]!.action).toMatchObject({ kind: 'fault', fault });
  });

  it.each([
    ['do: transfer', { kind: 'transfer', targets: undefined }],
    ['do: transfer, to: follower', { kind: 'transfer', targets: 'follower' }],
    ['do: add, server: 3', { kind: 'add', targets: '3' }],
    ['do: load, rate: 100', { kind: 'load', change: { rate: 100 } }],
    ['do: heal', { kind: 'heal' }],
    ['do: choose, server: leader, as: old', { kind: 'choose', targets: 'leader' }],
  ])('takes {at: 1s, %s}', (step, action) => {
    const text = [...HEAD, 'steps:', `  - {at: 1s, ${step}}`].join('\n');
    expect(parseScenario(text, 'x.yaml').steps[0]!.action).toEqual(action);
  });

  it.each([
    ['at: soon, do: heal', 'steps[0].at: expected a time from the beginning such as 0s or 5s, got "soon"'],
    ['at: -1s, do: heal', 'steps[0].at: expected a time from the beginning such as 0s or 5s, got "-1s"'],
    ['at: 9s, do: heal', 'steps[0].at: expected a time before the scenario is over (lasts: 9s), got "9s"'],
    ['at: 1s', 'steps[0]: expected either a fault or something to do, got {"at":"1s"}'],
    [
      'at: 1s, fault: partitoin, server: leader',
      'steps[0].fault: expected one of kill, pause, partition, delay, loss, bandwidth, slow-disk, stalled-disk, full-disk, clock (did you mean partition?), got "partitoin"',
    ],
    [
      'at: 1s, do: kill, server: leader',
      'steps[0].do: expected one of choose, stop, start, restart, transfer, add, remove, load, heal, got "kill"',
    ],
    ['at: 1s, fault: partition', 'steps[0]: expected server with partition, got {"at":"1s","fault":"partition"}'],
    [
      'at: 1s, fault: slow-disk, server: 1',
      'steps[0]: expected by with slow-disk, got {"at":"1s","fault":"slow-disk","server":1}',
    ],
    [
      'at: 1s, fault: pause, server: 1, by: 5ms',
      'steps[0].by: expected nothing of the kind with pause, which takes server, for, as, got "5ms"',
    ],
    [
      'at: 1s, do: heal, for: 5s',
      'steps[0].for: expected nothing of the kind with heal, which takes nothing, got "5s"',
    ],
    [
      'at: 1s, fault: pause, server: leder',
      'steps[0].server: expected leader, follower, followers, all, or ids such as 1 or 1,2 (did you mean leader?), got "leder"',
    ],
    ['at: 1s, fault: pause, server: 4', 'steps[0].server: expected ids of the 3 servers, got 4'],
    ['at: 1s, fault: partition, server: "1/4"', 'steps[0].server: expected ids of the 3 servers, got "1/4"'],
    ['at: 1s, fault: pause, server: 1, fro: 5s', 'steps[0].fro: unknown key: did you mean for?'],
    ['at: 1s, do: load', 'steps[0]: expected clients or rate with load, got {"at":"1s","do":"load"}'],
    [
      'at: 1s, fault: partition, server: 1, to: 2, from: 3',
      'steps[0].from: expected the same servers with to and from, or a step for each, got 3',
    ],
    [
      'at: 1s, fault: loss, server: 1, chance: 200%',
      'steps[0].chance: expected a share such as 10% or 0.1, got "200%"',
    ],
    ['at: 1s, fault: clock, server: 1, rate: 0', 'steps[0].rate: expected a number above 0 and up to 10000, got 0'],
    [
      'at: 1s, fault: clock, server: 1, rate: 500',
      'steps[0].rate: expected a rate from 0.01 to 100 with clock, got 500',
    ],
    [
      'at: 1s, do: choose, server: leader, as: Old',
      'steps[0].as: expected a name of small letters, digits and dashes, got "Old"',
    ],
    ['at: 1s, do: choose, server: leader, as: all', 'steps[0].as: expected a name that means nothing else, got "all"'],
  ])('refuses {%s}', (step, problem) => {
    expect(withSteps(step)[0]).toBe(`x.yaml:6: ${problem}`);
  });

  it('knows names from the step on that gives them', () => {
    const first = 'at: 0s, do: choose, server: leader, as: old';
    expect(withSteps(first, 'at: 1s, fault: pause, server: not old')).toEqual([]);
    expect(withSteps('at: 0s, fault: pause, server: not old', first)[0]).toMatch(
      /^x\.yaml:6: steps\[0\]\.server: expected leader, /,
    );
    expect(withSteps(first, 'at: 1s, fault: pause, server: odl')).toEqual([
      'x.yaml:7: steps[1].server: expected leader, follower, followers, all, or ids such as 1 or 1,2, or what an earlier step was given as a name (old; not old for the rest) (did you mean old?), got "odl"',
    ]);
    expect(withSteps(first, first.replace('0s', '1s'))).toEqual([
      'x.yaml:7: steps[1].as: expected a name that no other step gives, got "old"',
    ]);
  });

  it('wants steps in order', () => {
    expect(withSteps('at: 2s, do: heal', 'at: 1s, do: heal')).toEqual([
      'x.yaml:7: steps[1].at: expected steps in the order of their times, got "1s"',
    ]);
  });

  it.each([
    ['cluster: {nodes: 8}', 'cluster.nodes: expected a number of servers between 1 and 7, got 8'],
    ['cluster: {cluster: [1, 4]}', 'cluster.cluster[1]: expected the id of one of the 3 servers, got 4'],
    ['cluster: {heartbeat: 2s}', 'cluster.heartbeat: expected a duration below the election timeout, got "2s"'],
    ['cluster: {elections: 2s}', 'cluster.elections: unknown key: did you mean election?'],
    ['load: {clients: 0}', 'load.clients: expected a number of clients between 1 and 1000, got 0'],
    ['load: {raet: 5}', 'load.raet: unknown key: did you mean rate?'],
    ['load: much', 'load: expected a load such as {clients: 4, rate: 50}, got "much"'],
    ['stesp: []', 'stesp: unknown key: did you mean steps?'],
  ])('refuses %s', (line, problem) => {
    expect(problemsOf(...HEAD, line, 'steps: [{at: 1s, do: heal}]')[0]).toBe(`x.yaml:5: ${problem}`);
  });

  it('wants to know what it is, where it comes from and how long it lasts', () => {
    expect(problemsOf('steps: [{at: 1s, do: heal}]').map((line) => line.split(', got')[0])).toEqual([
      'x.yaml:1: name: expected a name such as isolated leader',
      'x.yaml:1: origin: expected where it comes from: a paper, an incident, an experiment',
      'x.yaml:1: description: expected what happens, and what it is to show',
      'x.yaml:1: lasts: expected a duration above zero, such as 20ms, 1s or 1m30s',
    ]);
    expect(problemsOf('')).toEqual([
      'x.yaml:1: says nothing: expected keys such as "name: isolated leader" and "steps:"',
    ]);
  });

  it('says what is wrong and where, whatever the text is', () => {
    const words = ['steps', 'at', 'fault', 'do', 'server', 'not', '1s', 'load', 'rate', '~', '__proto__', '-1'];
    const marks = ['[', ']', '{', '}', ', ', ': ', '- ', '\n', '\n  ', '&a ', '*a', '"'];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words, ...marks), { maxLength: 40 }), (parts) => {
        for (const line of problemsOf(...HEAD, parts.join(''))) expect(line).toMatch(/^x\.yaml(:\d+)?: [^\p{Cc}]+$/u);
      }),
      { numRuns: 500 },
    );
  });
});
