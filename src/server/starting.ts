import { printable } from '../cli/printable.ts';
import type { NodeId } from '../consensus/contract.ts';
import { formatAddress } from '../net/endpoints/addresses.ts';
import type { Security } from '../net/endpoints/security.ts';
import { type Fence, NO_FENCE } from '../wire/fence.ts';
import type { VersionRange } from '../wire/peerVersions.ts';
import type { ServerConfig } from './flags.ts';
import {
  type Answers,
  ASK_TIMES,
  type Asker,
  askOfMember,
  askWhetherNew,
  isCertain,
  Patience,
} from './identity/asking.ts';
import { type Introduction, introductionOf, type Misfit } from './identity/identity.ts';
import { type IdentityFile, randomName } from './identity/identityFile.ts';
import {
  decideStart,
  isJoining,
  ORIGINAL_ENGINE,
  objectionToRestart,
  type StartDecision,
  type Unconfirmed,
} from './identity/startDecision.ts';
import { mayKnowMore } from './identity/survivor.ts';
import type { Log } from './observe/log.ts';
import { RefusedDataError } from './storage/contract.ts';
import { askForAdmission, type GivenState } from './transport/admissions.ts';
import { Introducer } from './transport/introductions.ts';

/** The servers of a new cluster are mostly started together; later on somebody is amiss, and there is no hurry. */
const ASK_INTERVAL_MS = 30;
const ASK_INTERVAL_LATER_MS = 250;
const HURRY_MS = 5_000;
/** The first moments of a cluster are no news. */
const NEWS_AFTER_MS = 2_000;
/** Of what another server says, in our words. */
const DETAILS_LENGTH_MAX = 500;

/** The others say that this server must not take part with these data. */
export class RefusedByPeersError extends RefusedDataError {
  override readonly name = 'RefusedByPeersError';
  override readonly remedy: string;
  constructor(message: string, remedy: string) {
    super(message);
    this.remedy = remedy;
  }
}

const REMEDIES: Readonly<Record<Misfit, string>> = {
  'other-engine': 'start it with the -backend of the others',
  'other-cluster': 'give it the folder of this cluster; where that is gone, start it once with -rejoin',
  forgotten:
    'start it with -recover on the folder that it had; where that is gone, start it once with -rejoin, which gets everything back from the others',
  'older-copy': 'start it once with -rejoin, which moves this folder aside and gets everything back from the others',
};

const WORDS: Readonly<Record<Misfit, string>> = {
  'other-engine': 'the others run another backend',
  'other-cluster': 'this folder belongs to another cluster',
  forgotten: 'this id has taken part with another folder, and this one does not know what it promised',
  'older-copy': 'this folder is an older copy: it was started since, and what it promised then is not here',
};

export function refusedByPeers(by: NodeId, misfit: Misfit, details = ''): RefusedByPeersError {
  const words = details === '' ? WORDS[misfit] : `${WORDS[misfit]} (${printable(details, DETAILS_LENGTH_MAX)})`;
  return new RefusedByPeersError(`server ${by} refuses this server: ${words}`, REMEDIES[misfit]);
}

/** What a server may begin with: nothing, and as whom; or the state that it was given. */
export type Allowed =
  | { readonly kind: 'empty'; readonly as: Parameters<IdentityFile['change']>[0] }
  | { readonly kind: 'given'; readonly state: GivenState };

/**
 * The time between a server's start and its taking part: it asks the others who they are, and startDecision.ts says what
 * follows. A server whose folder is new asks until that is clear; one that took part before asks once, so that a folder
 * that must not run is refused before it votes.
 */
export class Starting {
  private readonly config: ServerConfig;
  private readonly identity: IdentityFile;
  private readonly log: Log;
  private readonly security: Security;
  private readonly speaks: VersionRange;
  private readonly waits: (what: string) => void;
  private readonly introducers: Introducer[];
  private readonly asker: Asker;
  private readonly patience = new Patience();
  private readonly startMs = performance.now();
  private wait: NodeJS.Timeout | undefined;
  private endWait = () => {};
  private stopped = false;
  /** Those of the others that are the original's, as they last answered. */
  readonly originals = new Set<NodeId>();
  private words = 'it is starting';
  /** Of this server's id, the last that it was told of. */
  private lastFence: Fence = NO_FENCE;

  /** `speaks`: of the peers' protocol. `waits`: told what is waited for, whenever that is something else. */
  constructor(
    config: ServerConfig,
    identity: IdentityFile,
    log: Log,
    security: Security,
    speaks: VersionRange,
    waits: (what: string) => void = () => {},
  ) {
    this.config = config;
    this.identity = identity;
    this.log = log;
    this.security = security;
    this.speaks = speaks;
    this.waits = waits;
    const { servers, id } = config;
    this.introducers = servers
      .map((address, i) => [i + 1, address] as const)
      .filter(([peer]) => peer !== id)
      .map(([peer, address]) => new Introducer(peer, address, security));
    const byId = new Map(this.introducers.map((introducer) => [introducer.peer, introducer]));
    this.asker = {
      times: ASK_TIMES,
      nowMs: () => performance.now(),
      after: (delayMs, run) => void setTimeout(run, delayMs),
      ask: (peer, own, timeoutMs, answered) => void byId.get(peer)!.ask(own, timeoutMs).then(answered),
    };
  }

  /** What it waits for, for people. */
  get waitsFor(): string {
    return this.words;
  }

  /**
   * Throws RefusedByPeersError where a server that took part before must not go on with its folder. Else `bind` binds its data
   * to this start (identity/binding.ts), the start counts, and those that answered know it: the more there are, the sooner an
   * older copy is noticed. Before, nobody takes note of a start: one that is refused would be held against the right folder,
   * once that is put back. `refused` is called for what somebody has to say who answers later.
   */
  async checkMember(bind: () => Promise<void>, refused: (error: RefusedByPeersError) => void): Promise<void> {
    const { identity, introducers } = this;
    const answered = await this.checkWith(
      introducers,
      { ...introductionOf(identity.identity), isMember: false },
      refused,
    );
    await bind();
    identity.countStart();
    await this.checkWith(answered, introductionOf(identity.identity), refused);
  }

  /**
   * Tells everybody of a member that has just become one, before it promises anything: whoever has met it takes neither an
   * earlier folder of its id for it, nor a copy of its own from before. Throws RefusedByPeersError.
   */
  async tellOfMember(refused: (error: RefusedByPeersError) => void): Promise<void> {
    await this.checkWith(this.introducers, introductionOf(this.identity.identity), refused);
  }

  /** Returns those that answered. */
  private async checkWith(
    introducers: readonly Introducer[],
    own: Introduction,
    refused: (error: RefusedByPeersError) => void,
  ): Promise<Introducer[]> {
    const { bootstrap } = this.config;
    const objection = (answers: Answers) => {
      const found = objectionToRestart(this.identity.identity, bootstrap, answers);
      return found === undefined ? undefined : refusedByPeers(found.by, found.misfit);
    };
    const later = (answers: Answers) => {
      const error = objection(answers);
      if (error !== undefined) refused(error);
    };
    const peers = introducers.map(({ peer }) => peer);
    const answers = await new Promise<Answers>((then) => {
      askOfMember(this.asker, peers, own, bootstrap, then, later);
    });
    this.noteOriginals(answers);
    const error = objection(answers);
    if (error !== undefined) throw error;
    return introducers.filter(({ peer }) => answers.get(peer)?.kind === 'introduced');
  }

  /** Resolves once this server may take part, or with 'stopped' after `stop`. Throws RefusedByPeersError. */
  async untilAllowed(): Promise<Allowed | 'stopped'> {
    let before: Unconfirmed | undefined;
    while (!this.stopped) {
      const answers = await this.askAll(before);
      this.noteOriginals(answers);
      const decision = decideStart(this.identity.identity, this.config.bootstrap, answers, before);
      if (this.stopped) break;
      before = decision.kind === 'confirm' ? decision.next : undefined;
      this.identity.joins = isJoining(decision);
      if (before !== undefined) continue;
      const allowed = await this.follow(decision, answers);
      if (allowed !== undefined) return allowed;
      await this.pause();
    }
    return 'stopped';
  }

  private async follow(decision: StartDecision, answers: Answers): Promise<Allowed | undefined> {
    const { identity, log } = this;
    switch (decision.kind) {
      case 'found': {
        const cluster = randomName();
        log.info({ cluster, members: this.config.bootstrap }, 'founds a cluster: all its members are new');
        return { kind: 'empty', as: { cluster, stage: 'member', known: decision.partners } };
      }
      case 'join':
        log.info({ cluster: decision.cluster }, 'takes part in a new cluster');
        return { kind: 'empty', as: { cluster: decision.cluster, stage: 'member', known: decision.known } };
      case 'original':
        log.warn(
          {},
          "starts empty: all others are the original's servers, which cannot tell whether it took part before",
        );
        return { kind: 'empty', as: { stage: 'member' } };
      case 'forgotten':
        if (!this.config.flags.rejoin) throw refusedByPeers(decision.by, decision.misfit ?? 'forgotten');
        if (this.config.flags.survivor !== 0) return this.askSurvivor(answers);
        return this.askLeader(decision.leader, false);
      case 'admission':
        return this.askLeader(decision.leader, decision.isStranger && identity.identity.engine === ORIGINAL_ENGINE);
      case 'confirm':
        return undefined;
      case 'wait':
        this.say(this.describeWait(decision.silent));
        return undefined;
    }
  }

  /** `mayBeEmpty`: this id has promised nothing as far as anybody can tell, so it may begin without what it cannot have. */
  private async askLeader(leader: NodeId, mayBeEmpty: boolean): Promise<Allowed | undefined> {
    const { identity, log, config, security, speaks } = this;
    const address = config.servers[leader - 1];
    const { flags } = config;
    if (address === undefined || leader === config.id) {
      const isPair = flags.rejoin && config.bootstrap.length === 2;
      this.say(
        `it waits for a leader that admits it${isPair ? '; one of two has none without the other: see -survivor' : ''}`,
      );
      return undefined;
    }
    log.info({ leader, rejoin: flags.rejoin }, 'asks the leader for admission');
    const own = introductionOf(identity.identity);
    const request = { speaks, rejoin: flags.rejoin, after: this.lastFence };
    const outcome = await askForAdmission(leader, address, security, flags.maxgrpc, own, request);
    if (outcome.kind === 'admitted') return { kind: 'given', state: outcome.state };
    if (outcome.kind === 'superseded') {
      this.lastFence = outcome.last;
      return undefined;
    }
    if (outcome.kind === 'original' && !mayBeEmpty) {
      this.say(
        `it waits for another leader: server ${leader} is one of the original's, or another program, and cannot admit anybody`,
      );
      return undefined;
    }
    if (outcome.kind === 'original') {
      log.warn({ leader }, "starts empty: the leader is one of the original's servers, which cannot admit anybody");
      return { kind: 'empty', as: { stage: 'member' } };
    }
    const { reason, details } = outcome;
    if (reason === 'forgotten' || reason === 'other-cluster' || reason === 'other-engine') {
      throw refusedByPeers(leader, reason, details);
    }
    this.say(`it waits to be admitted: ${printable(details, DETAILS_LENGTH_MAX)}`);
    return undefined;
  }

  private async askSurvivor(answers: Answers): Promise<Allowed | undefined> {
    const { identity, log, config, security, speaks } = this;
    const { survivor, maxgrpc } = config.flags;
    const others = mayKnowMore(survivor, answers);
    if (others.length > 0) {
      this.say(
        `it does not take server ${survivor} at its word until all others of -servers say that they are new: server ${others.join(', ')} may know more`,
      );
      return undefined;
    }
    log.info({ survivor }, 'asks the survivor for admission');
    const address = config.servers[survivor - 1]!;
    const own = introductionOf(identity.identity);
    const request = { speaks, rejoin: true, bySurvivor: true };
    const outcome = await askForAdmission(survivor, address, security, maxgrpc, own, request);
    if (outcome.kind === 'admitted') return { kind: 'given', state: outcome.state };
    const details =
      outcome.kind === 'refused' ? outcome.details : 'it is one of the original, and cannot admit anybody';
    this.say(`server ${survivor} does not admit it: ${printable(details, DETAILS_LENGTH_MAX)}`);
    return undefined;
  }

  private describeWait(silent: readonly NodeId[]): string {
    if (silent.length === 0) return 'it waits for the initial members to begin';
    const each = silent.map((id) => {
      const why = this.introducers.find(({ peer }) => peer === id)?.silence || 'does not fit';
      return `server ${id} at ${formatAddress(this.config.servers[id - 1]!)} ${why}`;
    });
    return `it has nothing yet, and cannot tell whether it took part before until every initial member answers: ${each.join(', ')}`;
  }

  private say(words: string): void {
    const isNews = words !== this.words && performance.now() - this.startMs > NEWS_AFTER_MS;
    if (!isNews) return;
    this.words = words;
    this.log.warn({}, `this server does not take part yet: ${words}`);
    this.waits(words);
  }

  /** A program of another backend is none of the original's servers, whatever it does not know. */
  private noteOriginals(answers: Answers): void {
    if (this.identity.identity.engine !== ORIGINAL_ENGINE) return;
    for (const [id, { kind }] of answers) {
      if (kind === 'original') this.originals.add(id);
      else if (kind === 'introduced') this.originals.delete(id);
    }
  }

  private askAll(before: Unconfirmed | undefined): Promise<Answers> {
    const own = this.identity.identity;
    const { bootstrap } = this.config;
    const peers = this.introducers.map(({ peer }) => peer);
    const certain = (heard: Answers) => isCertain(decideStart(own, bootstrap, heard, before), bootstrap, own.id, heard);
    return new Promise((then) => {
      askWhetherNew(this.asker, this.patience, peers, introductionOf(own), certain, then);
    });
  }

  private pause(): Promise<void> {
    const hurries = performance.now() - this.startMs < HURRY_MS;
    return new Promise((resolve) => {
      this.endWait = resolve;
      this.wait = setTimeout(resolve, hurries ? ASK_INTERVAL_MS : ASK_INTERVAL_LATER_MS);
    });
  }

  /** Asks nobody any more. */
  stop(): void {
    this.stopped = true;
    clearTimeout(this.wait);
    this.endWait();
    for (const introducer of this.introducers) introducer.close();
  }
}
