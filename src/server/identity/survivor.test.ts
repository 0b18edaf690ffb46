import { describe, expect, it } from 'vitest';
import { type Configuration, type EngineStatus, type NodeId, simpleConfiguration } from '../../consensus/contract.ts';
import { MemoryContent } from '../../consensus/snapshotContent.ts';
import { type Fence, NO_FENCES } from '../../wire/fence.ts';
import type { AdmissionAnswer } from './admission.ts';
import { blankIdentity, type Identity, introductionOf, type KnownServer } from './identity.ts';
import type { Answer } from './startDecision.ts';
import { admitBySurvivor, mayKnowMore } from './survivor.ts';

const PAIR = simpleConfiguration([1, 2]);
const met = (part: Partial<KnownServer> = {}): KnownServer => {
  return { instance: 'earlier', boots: 1, life: 'l', admitted: 0, ran: true, ...part };
};

interface Seen {
  readonly role?: 'leader' | 'candidate';
  readonly inForce?: Configuration;
  readonly ofSnapshot?: Configuration;
  readonly fence?: Fence;
  readonly known?: readonly (readonly [NodeId, KnownServer])[];
}

/** Server 1, of applied index 3 and term 7, is asked by server 2. */
function answer({ role = 'candidate', inForce = PAIR, ofSnapshot = PAIR, fence, known = [[2, met()]] }: Seen = {}) {
  const replica = {
    status: () => ({ role, leader: 0, term: 7, configuration: inForce }) as EngineStatus,
    currentSnapshot: () => ({
      index: 3,
      term: 6,
      configuration: ofSnapshot,
      content: new MemoryContent(new Uint8Array(0)),
    }),
    fences: fence === undefined ? NO_FENCES : new Map([[2, fence]]),
  };
  const own: Identity = { ...blankIdentity(1, 'etcd', 'own', 'member'), known: new Map(known) };
  return admitBySurvivor(replica, own, 2);
}

const reason = (given: AdmissionAnswer) => (given.ok ? 'ok' : given.reason);

describe('the survivor of two', () => {
  it('gives its state, and in its own term no vote', () => {
    expect(answer()).toMatchObject({ ok: true, snapshot: { index: 3 }, spentTerm: 7, admitted: 3 });
  });

  it('gives nothing while it leads', () => {
    expect(answer({ role: 'leader' })).toEqual({ ok: false, reason: 'leads', leader: 0 });
  });

  it('tells the new one from the earlier by an index that is above that one’s, be it a fence’s', () => {
    const fence = { index: 5, instance: 'other' };
    expect(answer({ fence })).toMatchObject({ admitted: 5 });
    expect(answer({ fence: { ...fence, index: 2 } })).toMatchObject({ admitted: 3 });
    for (const [admitted, expected] of [
      [2, 'ok'],
      [3, 'unavailable'],
      [4, 'unavailable'],
    ] as const) {
      expect(reason(answer({ known: [[2, met({ admitted })]] })), `${admitted}`).toBe(expected);
    }
    expect(reason(answer({ fence, known: [[2, met({ admitted: 4 })]] }))).toBe('ok');
    expect(reason(answer({ fence, known: [[2, met({ admitted: 5 })]] }))).toBe('unavailable');
  });

  it('is one of these two, in the configuration in force as well as in that of its state', () => {
    const others: Configuration[] = [
      simpleConfiguration([1, 2, 3]),
      simpleConfiguration([2]),
      simpleConfiguration([1]),
      simpleConfiguration([1, 3]),
      simpleConfiguration([2, 3]),
      { ...PAIR, outgoing: [1, 2, 3] },
    ];
    for (const each of others) {
      const what = JSON.stringify(each);
      expect(reason(answer({ inForce: each })), what).toBe('no-pair');
      expect(reason(answer({ ofSnapshot: each })), what).toBe('no-pair');
    }
  });

  it('has met nobody else that took part', () => {
    expect(reason(answer({ known: [] }))).toBe('ok');
    expect(reason(answer({ known: [[3, met()]] }))).toBe('met-others');
    const all = [2, 3].map((id) => [id, met()] as const);
    expect(reason(answer({ known: all }))).toBe('met-others');
    expect(reason(answer({ known: [[3, met({ ran: false })]] }))).toBe('ok');
  });
});

it('whoever does not say that it is new may know more, but for the survivor itself', () => {
  const introduced = (id: NodeId, stage: Identity['stage']): Answer => ({
    kind: 'introduced',
    introduction: introductionOf(blankIdentity(id, 'etcd', 'i', stage)),
    misfit: undefined,
    isVoter: false,
    leader: 0,
    known: new Map(),
  });
  const answers = new Map<NodeId, Answer>([
    [1, introduced(1, 'member')],
    [3, introduced(3, 'new')],
    [4, introduced(4, 'member')],
    [5, { kind: 'silent' }],
    [6, { kind: 'original' }],
  ]);
  expect(mayKnowMore(1, answers)).toEqual([4, 5, 6]);
});
