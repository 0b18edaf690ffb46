import {
  Client as GrpcClient,
  type MethodDefinition,
  type ServerWritableStream,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import type { NodeId, Snapshot } from '../../consensus/contract.ts';
import { MemoryContent } from '../../consensus/snapshotContent.ts';
import { type Address, formatAddress } from '../../net/endpoints/addresses.ts';
import { openChannel, peerChannelOptions } from '../../net/endpoints/channels.ts';
import type { Security } from '../../net/endpoints/security.ts';
import type { Fence } from '../../wire/fence.ts';
import { type Admission, type AdmitChunk, type AdmitRequest, PeerService } from '../../wire/generated/peer.ts';
import { notLeaderText } from '../../wire/originalTexts.ts';
import {
  agreedVersion,
  explainVersions,
  OPENING_VERSION,
  OTHER_VERSION,
  readersOf,
  type ToldVersions,
  toldVersions,
  type VersionRange,
} from '../../wire/peerVersions.ts';
import { fenceMetadata, fenceOf, reasonMetadata, reasonOf } from '../../wire/reason.ts';
import type { Replica } from '../host/replica.ts';
import { MalformedSnapshotError } from '../host/stateMachine.ts';
import { type AdmissionAnswer, type AdmissionRefusal, admit } from '../identity/admission.ts';
import { ASK_TIMES } from '../identity/asking.ts';
import { type AdmissionClaim, type Hearsay, UNCONFIRMED } from '../identity/hearsay.ts';
import { type Introduction, introductionOf, type KnownServer, misfitOf } from '../identity/identity.ts';
import type { IdentityFile } from '../identity/identityFile.ts';
import { withMember } from '../identity/startDecision.ts';
import { admitBySurvivor } from '../identity/survivor.ts';
import type { Log } from '../observe/log.ts';
import { checkSnapshot } from '../stateMachine/snapshotReader.ts';
import { checkedIntroduction, checkedKnown, knownMessages } from './introductions.ts';
import type { PeerAcceptor } from './peerAcceptor.ts';

/** Of the state that is given, in one message; less where `-maxgrpc` allows less. */
const CHUNK_BYTES_MAX = 1024 * 1024;
/** A piece of an answer that waits for so long to be read makes room for another admission: at half a MiB a second it does not. */
const STALL_MS = 2000;
/** While the state is read, so often an empty piece says that somebody is there: who asks waits for one no longer than SILENCE_MAX_MS. */
const ALIVE_MS = 2000;
const NOTHING = Buffer.alloc(0);
/** The fence is committed within an election timeout or two, or not at all by this leader. */
const FENCE_TIMEOUT_MS = 10_000;

type Given = Extract<AdmissionAnswer, { readonly ok: true }>;
type AdmitCall = ServerWritableStream<AdmitRequest, AdmitChunk>;

/** The leader's side of an admission (src/server/identity/admission.ts): one at a time, for each holds a copy of the state. */
export class Admissions {
  private readonly replica: Replica<unknown>;
  private readonly identity: IdentityFile;
  private readonly hearsay: Hearsay;
  private readonly acceptor: PeerAcceptor<unknown>;
  private readonly serverCount: number;
  private readonly speaks: VersionRange;
  private readonly chunkBytes: number;
  private readonly log: Log;
  private underWay: UnderWay | undefined;

  constructor(
    replica: Replica<unknown>,
    identity: IdentityFile,
    hearsay: Hearsay,
    acceptor: PeerAcceptor<unknown>,
    serverCount: number,
    speaks: VersionRange,
    maxMessageBytes: number,
    log: Log,
  ) {
    this.replica = replica;
    this.identity = identity;
    this.hearsay = hearsay;
    this.acceptor = acceptor;
    this.serverCount = serverCount;
    this.speaks = speaks;
    this.chunkBytes = Math.min(CHUNK_BYTES_MAX, Math.floor(maxMessageBytes / 2));
    this.log = log;
  }

  handle(call: AdmitCall): void {
    call.on('error', () => {});
    const claim = checkedIntroduction(call.request.introduction);
    const own = this.identity.identity;
    if (claim === undefined || claim.id === own.id || claim.id > this.serverCount || claim.isMember) {
      fail(call, status.INVALID_ARGUMENT, 'not a request of another server of -servers that does not take part');
      return;
    }
    const misfit = misfitOf(own, claim);
    if (misfit === 'other-engine' || misfit === 'other-cluster') {
      fail(call, status.FAILED_PRECONDITION, `server ${claim.id} is of another cluster or backend`, misfit);
      return;
    }
    // A fence for a server that nobody can speak to would end the one that it takes the place of.
    const told = versionsOf(call.request);
    const speaks = this.replica.mayHaveBoundSessions ? readersOf(this.speaks, 'boundSessions') : this.speaks;
    if (agreedVersion(speaks, told) === undefined) {
      const words = explainVersions(own.id, speaks, claim.id, told);
      fail(call, status.FAILED_PRECONDITION, words, OTHER_VERSION);
      return;
    }
    let isGone = false;
    call.once('cancelled', () => {
      isGone = true;
    });
    const { rejoin, bySurvivor } = call.request;
    const request = { asker: claim, rejoin, bySurvivor };
    this.hearsay.confirm(request, (isTrue) => {
      if (isGone) return;
      if (isTrue) this.confirmed(call, request);
      else fail(call, status.UNAVAILABLE, `${this.hearsay.explain(UNCONFIRMED, claim)}; try again`, UNCONFIRMED);
    });
  }

  private confirmed(call: AdmitCall, request: AdmissionClaim): void {
    // Whoever does not read what it asked for keeps nobody else waiting.
    const waitsSinceMs = this.underWay?.waitsSinceMs;
    if (waitsSinceMs !== undefined && performance.now() - waitsSinceMs > STALL_MS) this.underWay!.end();
    if (this.underWay !== undefined)
      fail(call, status.UNAVAILABLE, 'another server is being admitted; try again', 'busy');
    else this.admit(call, request);
  }

  private admit(call: AdmitCall, { asker: claim, rejoin, bySurvivor }: AdmissionClaim): void {
    const shutOut = this.acceptor.shutOut(claim);
    let open = true;
    let alive: NodeJS.Timeout | undefined;
    const over = () => {
      if (!open) return;
      open = false;
      clearTimeout(timer);
      clearInterval(alive);
      shutOut.over();
      this.underWay = undefined;
    };
    const underWay: UnderWay = {
      waitsSinceMs: undefined,
      end: () => {
        fail(
          call,
          status.UNAVAILABLE,
          'another server wants to be admitted, and what was sent was not read; try again',
          'busy',
        );
        over();
      },
    };
    this.underWay = underWay;
    const timer = setTimeout(() => {
      if (open) fail(call, status.UNAVAILABLE, 'no quorum agreed in time; try again', 'unavailable');
      over();
    }, FENCE_TIMEOUT_MS);
    call.once('cancelled', over);
    call.once('close', over);
    const fenced = () => {
      clearTimeout(timer);
      if (open) alive = setInterval(() => call.write({ admission: undefined, data: NOTHING }), ALIVE_MS);
    };
    const answered = (answer: AdmissionAnswer) => {
      if (!open) return;
      clearTimeout(timer);
      clearInterval(alive);
      if (!answer.ok) {
        if (answer.reason === 'superseded') failSuperseded(call, claim.id, answer.last);
        else fail(call, ...refusal(claim.id, answer.reason, answer.leader));
        over();
        return;
      }
      const { admitted, snapshot } = answer;
      const { index } = snapshot;
      this.log.info({ peer: claim.id, instance: claim.instance, index }, 'admits a server that starts from our state');
      shutOut.given(admitted);
      void this.send(call, answer, underWay).finally(over);
    };
    if (rejoin && bySurvivor) answered(admitBySurvivor(this.replica, this.identity.identity, claim.id));
    else admit(this.replica, claim, { rejoin, after: call.request.after }, answered, fenced);
  }

  private async send(call: AdmitCall, { snapshot, spentTerm, admitted }: Given, underWay: UnderWay): Promise<void> {
    const { index, term, configuration, content } = snapshot;
    const { cluster, known } = this.identity.identity;
    const { voters, learners, outgoing, learnersNext, autoLeave } = configuration;
    const admission: Admission = {
      cluster,
      known: knownMessages(withMember(call.request.introduction!.id, known, introductionOf(this.identity.identity))),
      index,
      term,
      voters: [...voters],
      learners: [...learners],
      outgoing: [...outgoing],
      learnersNext: [...learnersNext],
      autoLeave,
      dataBytes: content.byteLength,
      spentTerm,
      admitted,
    };
    const ended = new Promise<void>((resolve) => call.once('close', resolve).once('cancelled', resolve));
    call.write({ admission, data: NOTHING });
    for (let at = 0; at < content.byteLength && !call.cancelled; at += this.chunkBytes) {
      const chunk = Buffer.from(content.read(at, this.chunkBytes));
      if (!call.write({ admission: undefined, data: chunk })) {
        underWay.waitsSinceMs = performance.now();
        await Promise.race([ended, new Promise((resolve) => call.once('drain', resolve))]);
        underWay.waitsSinceMs = undefined;
      }
    }
    call.end();
  }
}

/** Servers from before there was a choice speak one version, and do not tell it. */
function versionsOf({ oldestVersion, newestVersion }: AdmitRequest): ToldVersions {
  return { version: oldestVersion || OPENING_VERSION, newest: newestVersion };
}

/** The admission that is under way. */
interface UnderWay {
  /** Since when a piece of its answer waits to be read, by performance.now(); undefined while none does. */
  waitsSinceMs: number | undefined;
  readonly end: () => void;
}

const SURVIVOR_REFUSALS: Readonly<Partial<Record<AdmissionRefusal, string>>> = {
  leads: 'it leads still, and counts on what was forgotten: restart it with -recover first',
  'no-pair': 'its cluster is not of these two alone: leave out -survivor, and see that a majority runs',
  'met-others': 'a third server has taken part in its cluster, and may know more: leave out -survivor',
};

function refusal(id: NodeId, reason: AdmissionRefusal, leader: NodeId): [status, string, string] {
  if (reason === 'not-leader') return [status.FAILED_PRECONDITION, notLeaderText(leader), reason];
  if (reason === 'forgotten') {
    return [
      status.FAILED_PRECONDITION,
      `server ${id} is a voter, and this folder does not know what it promised`,
      reason,
    ];
  }
  const words = SURVIVOR_REFUSALS[reason];
  if (words !== undefined) return [status.FAILED_PRECONDITION, words, reason];
  return [status.UNAVAILABLE, 'cannot admit anybody just now; try again', reason];
}

function fail(call: AdmitCall, code: status, details: string, reason = ''): void {
  call.emit('error', { code, details, metadata: reasonMetadata(reason) });
}

function failSuperseded(call: AdmitCall, id: NodeId, last: Fence): void {
  const details = `another folder of server ${id} was admitted, or asked to be, since the last one that this request knows of; ask again`;
  call.emit('error', { code: status.ABORTED, details, metadata: fenceMetadata('superseded', last) });
}

/** What a server was given to start from. */
export interface GivenState {
  readonly cluster: string;
  readonly known: ReadonlyMap<NodeId, KnownServer>;
  readonly snapshot: Snapshot;
  readonly spentTerm: number;
  readonly admitted: number;
}

export type AdmitOutcome =
  | { readonly kind: 'admitted'; readonly state: GivenState }
  /** One of the original's servers, which cannot admit anybody. */
  | { readonly kind: 'original' }
  /** `last` is the last fence of this server's id: to be asked again with that. */
  | { readonly kind: 'superseded'; readonly last: Fence }
  /** `reason` as in the refusal; empty where there was no answer. */
  | { readonly kind: 'refused'; readonly reason: string; readonly details: string };

const ADMIT = PeerService.admit as MethodDefinition<AdmitRequest, AdmitChunk>;
/** No piece of the answer for this long, the time on the way included: the leader is gone. */
const SILENCE_MAX_MS = FENCE_TIMEOUT_MS + ASK_TIMES.mostMs;

interface AskedFor {
  /** Of the peers' protocol, what the server speaks that asks. */
  readonly speaks: VersionRange;
  readonly rejoin: boolean;
  /** Of a leader: as in AdmissionRequest. A survivor does not look at it. */
  readonly after?: Fence;
  readonly bySurvivor?: boolean;
}

/** The side of the server that wants to take part. Never rejects. `leader`: whom it asks, or the survivor. */
export function askForAdmission(
  leader: NodeId,
  address: Address,
  security: Security,
  maxMessageBytes: number,
  own: Introduction,
  { speaks, rejoin, after, bySurvivor = false }: AskedFor,
): Promise<AdmitOutcome> {
  const client = openChannel(GrpcClient, formatAddress(address), peerChannelOptions(maxMessageBytes), security, leader);
  const { path, requestSerialize, responseDeserialize } = ADMIT;
  const pieces: Buffer[] = [];
  let admission: Admission | undefined;
  return new Promise<AdmitOutcome>((resolve) => {
    const { version: oldestVersion, newest: newestVersion } = toldVersions(speaks);
    const request = { introduction: own, rejoin, bySurvivor, after, oldestVersion, newestVersion };
    const stream = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request);
    const timer = setTimeout(() => stream.cancel(), SILENCE_MAX_MS);
    stream.on('data', (chunk: AdmitChunk) => {
      timer.refresh();
      admission ??= chunk.admission;
      pieces.push(chunk.data);
    });
    stream.on('error', (error: ServiceError) => {
      clearTimeout(timer);
      const last = reasonOf(error) === 'superseded' ? fenceOf(error) : undefined;
      if (error.code === status.UNIMPLEMENTED) resolve({ kind: 'original' });
      else if (last !== undefined) resolve({ kind: 'superseded', last });
      else resolve({ kind: 'refused', reason: reasonOf(error), details: error.details });
    });
    stream.on('end', () => {
      clearTimeout(timer);
      resolve(given(admission, Buffer.concat(pieces)));
    });
  }).finally(() => client.close());
}

function given(admission: Admission | undefined, data: Buffer): AdmitOutcome {
  const known = checkedKnown(admission?.known ?? []);
  const senseless = (details: string): AdmitOutcome => ({ kind: 'refused', reason: '', details });
  if (admission === undefined || known === undefined) return senseless('the answer makes no sense');
  if (data.length !== admission.dataBytes) return senseless('the answer ended early');
  try {
    checkSnapshot(new MemoryContent(data));
  } catch (error) {
    if (!(error instanceof MalformedSnapshotError)) throw error;
    return senseless(`the state cannot be read: ${error.message}`);
  }
  const { cluster, index, term, voters, learners, outgoing, learnersNext, autoLeave, spentTerm, admitted } = admission;
  const configuration = { voters, learners, outgoing, learnersNext, autoLeave };
  return {
    kind: 'admitted',
    state: {
      cluster,
      known,
      snapshot: { index, term, configuration, content: new MemoryContent(data) },
      spentTerm,
      admitted,
    },
  };
}
