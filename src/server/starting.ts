import { printable } from '../cli/printable.ts';
import type { NodeId } from '../consensus/contract.ts';
import { formatAddress } from '../wire/addresses.ts';
import type { ServerConfig } from './flags.ts';
import { type Introduction, introductionOf, type KnownServer, type Misfit } from './identity/identity.ts';
import { type IdentityFile, randomName } from './identity/identityFile.ts';
import {
  type Answer,
  decideStart,
  ORIGINAL_ENGINE,
  objectionToRestart,
  type StartDecision,
} from './identity/startDecision.ts';
import type { Log } from './observe/log.ts';
import { RefusedDataError } from './storage/contract.ts';
import { askForAdmission, type GivenState } from './transport/admissions.ts';
import { Introducer } from './transport/introductions.ts';

const ASK_TIMEOUT_MS = 1_000;
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

/**
 * The time between a server's start and its taking part: it asks the others who they are, and startDecision.ts says what
 * follows. A server whose folder is new asks until that is clear; one that took part before asks once, so that a folder
 * that must not run is refused before it votes.
 */
export class Starting {
  private readonly config: ServerConfig;
  private readonly identity: IdentityFile;
  private readonly log: Log;
  private readonly introducers: Introducer[];
  private readonly startMs = performance.now();
  private wait: NodeJS.Timeout | undefined;
  private endWait = () => {};
  private stopped = false;
  private words = 'it is starting';

  constructor(config: ServerConfig, identity: IdentityFile, log: Log) {
    this.config = config;
    this.identity = identity;
    this.log = log;
    const { servers, id, flags } = config;
    this.introducers = servers
      .map((address, i) => [i + 1, address] as const)
      .filter(([peer]) => peer !== id)
      .map(([peer, address]) => new Introducer(peer, address, flags.maxgrpc));
  }

  /** What it waits for, for people. */
  get waitsFor(): string {
    return this.words;
  }

  /**
   * Throws RefusedByPeersError where a server that took part before must not go on with its folder. Else its start counts, and
   * those that answered know it: the more there are, the sooner an older copy is noticed. Before, nobody takes note of a
   * start: one that is refused would be held against the right folder, once that is put back.
   */
  async checkMember(): Promise<void> {
    const { identity, introducers } = this;
    const answered = await this.checkWith(introducers, { ...introductionOf(identity.identity), isMember: false });
    identity.countStart();
    await this.checkWith(answered, introductionOf(identity.identity));
  }

  /** Returns those that answered. */
  private async checkWith(introducers: readonly Introducer[], own: Introduction): Promise<Introducer[]> {
    const answers = await ask(introducers, own);
    const objection = objectionToRestart(this.identity.identity, this.config.bootstrap, answers);
    if (objection !== undefined) throw refusedByPeers(objection.by, objection.misfit);
    return introducers.filter(({ peer }) => answers.get(peer)?.kind === 'introduced');
  }

  /**
   * Resolves once this server may take part: with the state to start from, or with nothing where it starts empty; then its
   * identity says so durably. Resolves with 'stopped' after `stop`. Throws RefusedByPeersError.
   */
  async untilAllowed(): Promise<GivenState | 'empty' | 'stopped'> {
    let before: ReadonlyMap<NodeId, KnownServer> | undefined;
    while (!this.stopped) {
      const decision = decideStart(this.identity.identity, this.config.bootstrap, await this.askAll(), before);
      if (this.stopped) break;
      before = decision.kind === 'confirm' ? decision.partners : undefined;
      if (before !== undefined) continue;
      const allowed = await this.follow(decision);
      if (allowed !== undefined) return allowed;
      await this.pause();
    }
    return 'stopped';
  }

  private async follow(decision: StartDecision): Promise<GivenState | 'empty' | undefined> {
    const { identity, log } = this;
    switch (decision.kind) {
      case 'found': {
        const cluster = randomName();
        identity.change({ cluster, stage: 'member', known: decision.partners });
        log.info({ cluster, members: this.config.bootstrap }, 'founds a cluster: all its members are new');
        return 'empty';
      }
      case 'join':
        identity.change({ cluster: decision.cluster, stage: 'member', known: decision.known });
        log.info({ cluster: decision.cluster }, 'takes part in a new cluster');
        return 'empty';
      case 'original':
        identity.change({ stage: 'member' });
        log.warn(
          {},
          "starts empty: all others are the original's servers, which cannot tell whether it took part before",
        );
        return 'empty';
      case 'forgotten':
        if (!this.config.flags.rejoin) throw refusedByPeers(decision.by, decision.misfit ?? 'forgotten');
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
  private async askLeader(leader: NodeId, mayBeEmpty: boolean): Promise<GivenState | 'empty' | undefined> {
    const { identity, log, config } = this;
    const address = config.servers[leader - 1];
    if (address === undefined || leader === config.id) {
      this.say('it waits for a leader that admits it');
      return undefined;
    }
    log.info({ leader, rejoin: config.flags.rejoin }, 'asks the leader for admission');
    const { flags } = config;
    const own = introductionOf(identity.identity);
    const outcome = await askForAdmission(address, flags.maxgrpc, own, flags.rejoin);
    if (outcome.kind === 'admitted') return outcome.state;
    if (outcome.kind === 'original' && !mayBeEmpty) {
      this.say(
        `it waits for another leader: server ${leader} is one of the original's, or another program, and cannot admit anybody`,
      );
      return undefined;
    }
    if (outcome.kind === 'original') {
      identity.change({ stage: 'member' });
      log.warn({ leader }, "starts empty: the leader is one of the original's servers, which cannot admit anybody");
      return 'empty';
    }
    const { reason, details } = outcome;
    if (reason === 'forgotten' || reason === 'other-cluster' || reason === 'other-engine') {
      throw refusedByPeers(leader, reason, details);
    }
    this.say(`it waits to be admitted: ${printable(details, DETAILS_LENGTH_MAX)}`);
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
  }

  private askAll(): Promise<ReadonlyMap<NodeId, Answer>> {
    return ask(this.introducers, introductionOf(this.identity.identity));
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

async function ask(introducers: readonly Introducer[], own: Introduction): Promise<ReadonlyMap<NodeId, Answer>> {
  const answers = introducers.map(
    async (introducer) => [introducer.peer, await introducer.ask(own, ASK_TIMEOUT_MS)] as const,
  );
  return new Map(await Promise.all(answers));
}
