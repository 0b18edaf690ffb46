import { Client as GrpcClient, type MethodDefinition, status } from '@grpc/grpc-js';
import type { NodeId } from '../../consensus/contract.ts';
import { type Address, formatAddress } from '../../net/endpoints/addresses.ts';
import { introductionChannelOptions, openChannel, questionChannelOptions } from '../../net/endpoints/channels.ts';
import type { Security } from '../../net/endpoints/security.ts';
import {
  type Acquaintance,
  type Introduction as IntroductionMessage,
  type KnownServer as KnownServerMessage,
  PeerService,
} from '../../wire/generated/peer.ts';
import { ASK_TIMES, type Asker, LATE, type Patience } from '../identity/asking.ts';
import { EARLIER_LIVES_MAX, type Introduction, type KnownServer, Misfit } from '../identity/identity.ts';
import type { Answer } from '../identity/startDecision.ts';

const NAME = /^[0-9a-f]{32}$/;
const LIFE = /^[0-9a-f]{16}$/;
const ENGINE = /^[a-z]{1,16}$/;
/** More servers than any `-servers` names. */
const KNOWN_MAX = 1024;

/** An introduction as it came; undefined where it is none that a server of ours sends. */
export function checkedIntroduction(message: IntroductionMessage | undefined): Introduction | undefined {
  if (message === undefined) return undefined;
  const { id, engine, cluster, instance, life, earlierLives } = message;
  const isNamed = (cluster === '' || NAME.test(cluster)) && NAME.test(instance);
  const areLives = earlierLives.length <= EARLIER_LIVES_MAX && [life, ...earlierLives].every((each) => LIFE.test(each));
  const isWellFormed = id >= 1 && ENGINE.test(engine) && isNamed && areLives;
  return isWellFormed ? message : undefined;
}

export function checkedKnown(messages: readonly KnownServerMessage[]): ReadonlyMap<NodeId, KnownServer> | undefined {
  const isWellFormed = messages.every(({ id, instance, life }) => id >= 1 && NAME.test(instance) && LIFE.test(life));
  if (!isWellFormed || messages.length > KNOWN_MAX) return undefined;
  return new Map(messages.map(({ id, ...known }) => [id, known]));
}

export function knownMessages(known: ReadonlyMap<NodeId, KnownServer>): KnownServerMessage[] {
  return [...known].map(([id, each]) => ({ id, ...each }));
}

const MISFITS: readonly string[] = Object.values(Misfit);

/** The word of a peer for what it has against us; undefined for words that we do not know. */
export function misfitNamed(word: string): Misfit | undefined {
  return MISFITS.includes(word) ? (word as Misfit) : undefined;
}

type Introduce = MethodDefinition<IntroductionMessage, Acquaintance>;
const INTRODUCE = PeerService.introduce as Introduce;

/** Asks one peer who it is, over one connection. */
export class Introducer {
  readonly peer: NodeId;
  private readonly client: GrpcClient;
  private reported = '';
  /** Calls without an answer. */
  private open = 0;
  private isClosing = false;

  constructor(peer: NodeId, address: Address, security: Security, options = introductionChannelOptions()) {
    this.peer = peer;
    this.client = openChannel(GrpcClient, formatAddress(address), options, security, peer);
  }

  /** Never rejects: what is no answer is silence. */
  ask(own: Introduction, timeoutMs: number): Promise<Answer> {
    const { path, requestSerialize, responseDeserialize } = INTRODUCE;
    this.open++;
    return new Promise((resolve) => {
      const deadline = Date.now() + timeoutMs;
      this.client.makeUnaryRequest(path, requestSerialize, responseDeserialize, own, { deadline }, (error, answer) => {
        this.open--;
        if (this.isClosing && this.open === 0) this.client.close();
        if (error?.code === status.UNIMPLEMENTED) {
          this.reported = 'is one of the original, or another program, and cannot tell';
          resolve({ kind: 'original' });
        } else resolve(this.checked(answer, error?.code === status.DEADLINE_EXCEEDED));
      });
    });
  }

  /** Why the last answer was none, for people. */
  get silence(): string {
    return this.reported;
  }

  private checked(answer: Acquaintance | undefined, isLate: boolean): Answer {
    const introduction = checkedIntroduction(answer?.introduction);
    const known = checkedKnown(answer?.known ?? []);
    this.reported = '';
    if (answer === undefined) this.reported = isLate ? 'does not answer' : 'is not running';
    else if (introduction === undefined || known === undefined) this.reported = 'gives an answer that makes no sense';
    else if (introduction.id !== this.peer) this.reported = `is server ${introduction.id} where it should be another`;
    else {
      const { isVoter, leader, misfit, rejoin, survivor } = answer;
      const wish = rejoin === undefined || survivor === undefined ? undefined : { rejoin, survivor };
      return { kind: 'introduced', introduction, misfit: misfitNamed(misfit), isVoter, leader, known, wish };
    }
    return isLate ? LATE : { kind: 'silent' };
  }

  /** Asks nobody any more. What was asked may still be answered: a call that is closed before its connection is there is lost. */
  close(): void {
    this.isClosing = true;
    if (this.open === 0) this.client.close();
  }
}

/** Asks any of `servers`, over a connection that is made for the question. */
export function callBack(servers: readonly Address[], security: Security): Asker {
  return {
    times: ASK_TIMES,
    nowMs: () => performance.now(),
    after: (delayMs, run) => void setTimeout(run, delayMs),
    ask: (peer, own, timeoutMs, answered) => {
      const address = servers[peer - 1]!;
      const introducer = new Introducer(peer, address, security, questionChannelOptions());
      void introducer.ask(own, timeoutMs).then(answered);
      introducer.close();
    },
  };
}

/** Asks in the time that `patience` has for it, which learns from the answer. */
export async function askPatiently(introducer: Introducer, patience: Patience, own: Introduction): Promise<Answer> {
  const { peer } = introducer;
  const startMs = performance.now();
  const answer = await introducer.ask(own, patience.timeoutMs(peer));
  patience.heard(peer, answer, performance.now() - startMs);
  return answer;
}
