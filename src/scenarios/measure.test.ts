import { describe, expect, it } from 'vitest';
import type { Happening } from './happenings.ts';
import { detectedMs, measure } from './measure.ts';
import type { ServerSample } from './samples.ts';

const LASTS_MS = 1000;

const SILENT = { role: undefined, term: undefined, leader: undefined, commitIndex: undefined, voters: undefined };

/** Three servers: who leads (0: nobody), in which term, and what each has applied; undefined where it does not answer. */
function samples(leader: number, term: number, applied: readonly (number | undefined)[]): ServerSample[] {
  const commitIndex = Math.max(...applied.map((each) => each ?? 0));
  return applied.map((appliedIndex, i) => {
    const id = i + 1;
    if (appliedIndex === undefined) return { id, ...SILENT, appliedIndex };
    const follows = leader === 0 ? 'pre-candidate' : 'follower';
    return { id, role: id === leader ? 'leader' : follows, term, leader, commitIndex, appliedIndex, voters: [1, 2, 3] };
  });
}

function sample(atMs: number, ...how: Parameters<typeof samples>): Happening {
  return { kind: 'sample', atMs, askedMs: atMs, servers: samples(...how) };
}

function acknowledged(atMs: number, sentMs: number, client = 0): Happening {
  return { kind: 'acknowledged', atMs, sentMs, client };
}

function step(atMs: number, servers: readonly number[], disturbs = true, number = 0): Happening {
  return { kind: 'step', atMs, step: number, what: 'something', servers, disturbs };
}

describe('measure', () => {
  it('reads a leader that is lost and replaced', () => {
    const happenings: Happening[] = [
      sample(0, 1, 5, [10, 10, 10]),
      acknowledged(90, 80),
      step(100, [1]),
      // Sent before the fault: it says nothing of what came after it.
      acknowledged(105, 95),
      sample(200, 0, 5, [undefined, 10, 10]),
      sample(400, 2, 7, [undefined, 11, 11]),
      acknowledged(450, 110),
      sample(500, 2, 7, [undefined, 20, 20]),
      { kind: 'back', atMs: 500, servers: [1] },
      acknowledged(600, 590, 1),
      sample(700, 2, 7, [15, 30, 30]),
      // It need not have what was committed since.
      sample(800, 2, 7, [20, 31, 31]),
      acknowledged(990, 980),
    ];
    expect(measure(happenings, LASTS_MS)).toEqual({
      firstWriteMs: 350,
      gapMs: 390,
      waitMs: 540,
      leaderlessMs: 200,
      successorMs: 300,
      catchUpMs: 300,
      operatorMs: null,
      terms: 2,
      givenUp: 0,
      roleAtEnd: 'no answer',
    });
  });

  it('counts what did not come about with what was left of the play', () => {
    const happenings: Happening[] = [
      sample(0, 1, 5, [10, 10, 10]),
      step(100, [1]),
      sample(150, 0, 5, [10, 10, 10]),
      { kind: 'given-up', atMs: 700, client: 0, sentMs: 120 },
      { kind: 'back', atMs: 800, servers: [1] },
    ];
    expect(measure(happenings, LASTS_MS)).toMatchObject({
      firstWriteMs: 900,
      gapMs: 900,
      waitMs: 900,
      leaderlessMs: 850,
      successorMs: null,
      catchUpMs: 200,
      givenUp: 1,
      terms: 0,
    });
  });

  it('begins with the first step that changes something', () => {
    const happenings: Happening[] = [
      sample(0, 1, 5, [10, 10, 10]),
      step(100, [1], false),
      acknowledged(200, 150),
      step(300, [2], true, 1),
      acknowledged(310, 305),
    ];
    expect(measure(happenings, LASTS_MS).firstWriteMs).toBe(10);
  });

  it('leaves out a server that is hit again before it was level, and takes the longest of the others', () => {
    const happenings: Happening[] = [
      sample(0, 1, 5, [10, 10, 10]),
      step(100, [3]),
      { kind: 'back', atMs: 200, servers: [3] },
      sample(210, 1, 5, [12, 12, 9]),
      step(250, [3], true, 1),
      { kind: 'back', atMs: 300, servers: [3] },
      sample(310, 1, 5, [14, 14, 11]),
      sample(350, 1, 5, [15, 15, 14]),
      { kind: 'back', atMs: 400, servers: [2] },
      sample(410, 1, 5, [16, 16, 16]),
    ];
    expect(measure(happenings, LASTS_MS).catchUpMs).toBe(50);
  });

  it('believes of a server that is let back only what it was asked after that', () => {
    const before = { ...sample(210, 1, 5, [10, 10, 10]), askedMs: 195 } as Happening;
    const happenings: Happening[] = [
      sample(0, 1, 5, [10, 10, 10]),
      step(190, [3]),
      { kind: 'back', atMs: 200, servers: [3] },
      before,
      sample(300, 1, 5, [10, 10, undefined]),
      sample(700, 1, 5, [10, 10, 10]),
    ];
    expect(measure(happenings, LASTS_MS).catchUpMs).toBe(500);
  });

  it('knows how long operators waited, and leaves out what was refused', () => {
    const asked = (atMs: number, number: number): Happening => ({ kind: 'asked', atMs, step: number });
    const happenings: Happening[] = [
      sample(0, 1, 5, [10, 10, 10]),
      asked(100, 0),
      { kind: 'step-over', atMs: 130, step: 0, what: 'added' },
      asked(200, 1),
      { kind: 'step-failed', atMs: 900, step: 1, what: 'removed', why: 'refused' },
      asked(950, 2),
    ];
    expect(measure(happenings, LASTS_MS).operatorMs).toBe(50);
  });

  it('tells a leader that knows that it is not followed', () => {
    const alone: ServerSample = { ...samples(1, 5, [10, 10, 10])[0]!, leader: 0 };
    const happenings: Happening[] = [step(100, [1]), { kind: 'sample', atMs: 200, askedMs: 195, servers: [alone] }];
    expect(measure(happenings, LASTS_MS)).toMatchObject({ roleAtEnd: 'leader without a quorum', leaderlessMs: 800 });
  });
});

describe('roleAtEnd', () => {
  it('was that of a server which had heard of its successor already, when its fault was told to be over', () => {
    const alone: ServerSample = { ...samples(1, 5, [10, 10, 10])[0]!, leader: 0 };
    const happenings: Happening[] = [
      { ...step(100, [1]), forMs: 500 } as Happening,
      { kind: 'sample', atMs: 590, askedMs: 585, servers: [alone] },
      { kind: 'sample', atMs: 610, askedMs: 605, servers: [{ ...alone, role: 'follower', leader: 2 }] },
      { kind: 'back', atMs: 620, servers: [1] },
    ];
    expect(measure(happenings, LASTS_MS).roleAtEnd).toBe('leader without a quorum');
    const healed = happenings.map((each) => (each.kind === 'back' ? { ...each, atMs: 400 } : each));
    expect(measure(healed, LASTS_MS).roleAtEnd).toBe('no answer');
  });
});

describe('detectedMs', () => {
  const fault = [sample(0, 1, 5, [10, 10, 10]), step(100, [1])];

  it('is until a member that was not hit stops following the leader that was', () => {
    expect(detectedMs([...fault, sample(200, 1, 5, [10, 10, 10]), sample(400, 0, 5, [undefined, 10, 10])])).toBe(300);
    expect(detectedMs([...fault, sample(200, 2, 6, [undefined, 10, 10])])).toBe(100);
    expect(detectedMs([...fault, sample(200, 1, 5, [undefined, 10, 10])])).toBeNull();
  });

  it('is nothing where no leader was hit, and does not take who is no member for one who noticed', () => {
    expect(detectedMs([sample(0, 2, 5, [10, 10, 10]), step(100, [1]), sample(400, 3, 6, [10, 10, 10])])).toBeNull();
    const outsider = { ...samples(0, 0, [0])[0]!, id: 4 };
    const at = (atMs: number): Happening => ({
      kind: 'sample',
      atMs,
      askedMs: atMs,
      servers: [...samples(1, 5, [10, 10, 10]), outsider],
    });
    expect(detectedMs([at(0), step(100, [1]), at(200)])).toBeNull();
  });
});
