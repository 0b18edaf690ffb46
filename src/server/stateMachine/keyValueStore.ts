import { ByteWriter } from '../../bytes/byteWriter.ts';
import type { SnapshotContent } from '../../consensus/contract.ts';
import { type Entry, EntryType } from '../../consensus/entry.ts';
import { MemoryContent } from '../../consensus/snapshotContent.ts';
import { CommandType, decodeCommand, MalformedCommandError } from '../../wire/command.ts';
import { type ScannedCommand, scanCommand } from '../../wire/commandScan.ts';
import { decodeFence, type Fences, NO_FENCES } from '../../wire/fence.ts';
import type {
  ApplyResult,
  Refusal,
  Restoring,
  SessionsBound,
  SnapshotCheck,
  SnapshotSource,
  StateMachine,
} from '../host/stateMachine.ts';
import { ByteMap } from './byteMap/byteMap.ts';
import type { Session } from './session.ts';
import { SESSION_LIMITS, type SessionLimits, SessionTable } from './sessionTable.ts';
import { BOUNDED_SNAPSHOT_VERSION, fencesOf, SNAPSHOT_VERSION, SnapshotReader } from './snapshotReader.ts';

const OK: ApplyResult = { status: 'ok', clientId: 0 };
const KEY_EMPTY: Refusal = { status: 'invalid', detail: 'the key is empty' };
const SEQUENCE_ZERO: Refusal = { status: 'invalid', detail: 'clientSeq is 0; sequence numbers start at 1' };
const TOO_MANY_SESSIONS: Refusal = {
  status: 'too-many-sessions',
  detail: 'there are as many sessions as are kept, and all of them are in use; try again later',
};
const FOR_ALL_SESSIONS =
  ', for all sessions together held more numbers ahead of their turn than are kept, and this one was among those that gave up some';
const LOOKUP_IN_LOG: Refusal = { status: 'invalid', detail: 'a lookup does not belong in the log' };

/**
 * The replicated state: keys and sessions. Deterministic: equal logs give equal states and equal snapshots, byte for byte.
 */
export class KeyValueStore implements StateMachine {
  private values = new ByteMap();
  private readonly sessions: SessionTable;
  private fencesApplied: Fences = NO_FENCES;

  constructor(limits: SessionLimits = SESSION_LIMITS) {
    this.sessions = new SessionTable(limits);
  }

  get keyCount(): number {
    return this.values.size;
  }

  get sessionCount(): number {
    return this.sessions.size;
  }

  /** What the numbers of all sessions take together (SparseNumbers.weight). */
  get numbersHeld(): number {
    return this.sessions.held.weight;
  }

  get sessionsBound(): SessionsBound {
    return this.sessions.held.bound;
  }

  /** The last applied fence of each server that has one. */
  get fences(): Fences {
    return this.fencesApplied;
  }

  /** The value of a key, in UTF-8. A view: the next apply may write over it. */
  lookup(key: string): Uint8Array | undefined {
    return this.values.get(toUtf8.encode(key));
  }

  /** As lookup, as text. */
  get(key: string): string | undefined {
    const value = this.lookup(key);
    return value === undefined ? undefined : utf8.decode(value);
  }

  /** Applies a committed entry for the state machine. Never throws on what a client put into it. */
  apply(entry: Entry): ApplyResult {
    if (entry.type === EntryType.BoundSessions) return this.bound();
    if (entry.type !== EntryType.Normal)
      throw new RangeError(`entry ${entry.index} has type ${entry.type}, expected Normal`);
    const command = scanCommand(entry.data);
    if (command === undefined) return whyMalformed(entry.data)!;
    if (command.type === CommandType.Insert) return this.insert(entry, command);
    return command.type === CommandType.Register ? this.register(entry) : LOOKUP_IN_LOG;
  }

  private bound(): ApplyResult {
    this.sessions.bound();
    return OK;
  }

  private register({ index, data }: Entry): ApplyResult {
    const fence = decodeFence(data);
    if (fence !== undefined) {
      this.fencesApplied = new Map([...this.fencesApplied, [fence.id, { index, instance: fence.instance }]]);
    }
    return this.sessions.register(index) ? { status: 'ok', clientId: index } : TOO_MANY_SESSIONS;
  }

  private insert({ index, data }: Entry, command: ScannedCommand): ApplyResult {
    const { clientId, clientSeq, keyStart, keyEnd, valueStart, valueEnd } = command;
    const session = this.sessions.get(clientId);
    if (session === undefined) return unknownSession(clientId);
    if (keyStart === keyEnd) return KEY_EMPTY;
    if (clientSeq === 0) return SEQUENCE_ZERO;
    const admission = session.admit(clientSeq, this.sessions.limits.sequenceWindow);
    if (admission === 'too-old' || admission === 'too-far')
      return this.refusedSequence(admission, clientId, clientSeq, session);
    this.sessions.noteUse(clientId, session, index);
    if (admission === 'apply') this.values.put(data, keyStart, keyEnd, valueStart, valueEnd);
    return OK;
  }

  /**
   * What apply() is certain to say to the command, wherever it comes to stand in the log; asked before it enters it: what it is
   * refused with, or 'ok' where its number is applied already, so that it would change nothing.
   * `appliedIndex` is the index up to which this state is applied.
   *
   * The answers are lasting truths of the applied entries, which are committed: they hold on a leader that was deposed
   * without knowing it as well, and on followers. A session's id is the index of its registration, so an id up to
   * `appliedIndex` that is no session's never was one or was forgotten, and none can become it; a session's floor only
   * rises. A registration above `appliedIndex` may yet be applied, and so may inserts that move a session's mark: that
   * is 'undecided' until a linearizable read has shown, to `isCurrent`, what was acknowledged by now.
   */
  foresee(command: Uint8Array, appliedIndex: number, isCurrent: boolean): ApplyResult | 'undecided' | undefined {
    const scanned = scanCommand(command);
    if (scanned === undefined) return whyMalformed(command);
    const { type, clientId, clientSeq } = scanned;
    if (type === CommandType.Register) return undefined;
    if (type === CommandType.Lookup) return LOOKUP_IN_LOG;
    const session = this.sessions.get(clientId);
    if (session === undefined) return clientId <= appliedIndex || isCurrent ? unknownSession(clientId) : 'undecided';
    if (scanned.keyStart === scanned.keyEnd) return KEY_EMPTY;
    if (clientSeq === 0) return SEQUENCE_ZERO;
    const refusal = session.refusal(clientSeq);
    if (refusal === undefined) return session.hasApplied(clientSeq) ? OK : undefined;
    if (refusal === 'too-far' && !isCurrent) return 'undecided';
    return this.refusedSequence(refusal, clientId, clientSeq, session);
  }

  private refusedSequence(why: 'too-old' | 'too-far', clientId: number, clientSeq: number, session: Session): Refusal {
    const number = `clientSeq ${clientSeq} of session ${clientId}`;
    if (why === 'too-old') {
      const cause = session.gaveUpWithin(this.sessions.limits.sequenceWindow) ? FOR_ALL_SESSIONS : '';
      const detail = `${number} is too old: numbers up to ${session.floor} are forgotten${cause}`;
      return { status: 'sequence-too-old', detail };
    }
    const detail = `${number} is too far ahead: everything up to ${session.mark} is applied`;
    return { status: 'sequence-too-far', detail };
  }

  /** Of keys and values, as a snapshot has them. */
  get contentBytes(): number {
    return this.values.contentBytes;
  }

  get snapshotVersion(): number {
    return this.sessionsBound === 'in-force' ? BOUNDED_SNAPSHOT_VERSION : SNAPSHOT_VERSION;
  }

  snapshot(): Uint8Array {
    const head = this.snapshotHead();
    const bytes = new Uint8Array(head.length + this.values.contentBytes);
    bytes.set(head);
    this.values.readAll(bytes, head.length);
    return bytes;
  }

  openSnapshot(): SnapshotSource {
    const { values } = this;
    const head = this.snapshotHead();
    const view = values.openView();
    let headRead = 0;
    return {
      size: head.length + view.size,
      read: (into, at, end) => {
        const part = head.subarray(headRead, headRead + end - at);
        into.set(part, at);
        headRead += part.length;
        return view.read(into, at + part.length, end);
      },
      close: () => values.closeView(view),
    };
  }

  /** Everything in a snapshot before the first key. */
  private snapshotHead(): Uint8Array {
    const out = new ByteWriter();
    const { usedSessions, unusedIds, held } = this.sessions;
    const isBounded = held.bound === 'in-force';
    out.varint(this.snapshotVersion);
    out.varint(this.fencesApplied.size);
    for (const [id, { index, instance }] of [...this.fencesApplied].sort(([a], [b]) => a - b)) {
      out.varint(id);
      out.varint(index);
      out.text(instance);
    }
    out.varint(usedSessions.size);
    for (const [id, session] of usedSessions) {
      out.varint(id);
      out.varint(session.lastUsed);
      out.varint(session.floor);
      out.varint(session.mark);
      if (isBounded) session.above.writeCompact(out);
      else session.above.write(out);
    }
    out.varint(unusedIds.size);
    for (const id of unusedIds) out.varint(id);
    if (isBounded) {
      out.varint(held.holders);
      for (const { id } of held.order()) out.varint(id);
    }
    out.varint(this.values.size);
    return out.finish();
  }

  /** Takes a snapshot in the place of the whole state, at once. Throws MalformedSnapshotError, leaving the state as it was. */
  restore(data: Uint8Array): void {
    this.beginRestore(new MemoryContent(data)).read(Number.POSITIVE_INFINITY);
  }

  beginRestore(content: SnapshotContent): Restoring {
    const values = new ByteMap();
    const reader = new SnapshotReader(content.byteLength, (bytes, keyStart, keyEnd, valueStart, valueEnd) =>
      values.put(bytes, keyStart, keyEnd, valueStart, valueEnd),
    );
    let at = 0;
    return {
      read: (bytes) => {
        const isWhole = reader.take(content.read(at, bytes));
        at += bytes;
        if (isWhole) this.replace(reader, values);
        return isWhole;
      },
    };
  }

  private replace({ fences, used, unused, holding }: SnapshotReader, values: ByteMap): void {
    this.fencesApplied = fences!;
    this.sessions.replace(used, unused, holding);
    this.values = values;
  }

  beginCheck(byteLength: number): SnapshotCheck {
    return new SnapshotReader(byteLength);
  }

  fencesOf(content: SnapshotContent): Fences {
    return fencesOf(content);
  }
}

function unknownSession(clientId: number): Refusal {
  return { status: 'unknown-session', detail: `no session ${clientId}: register first` };
}

/** undefined where it is a command after all. */
function whyMalformed(command: Uint8Array): Refusal | undefined {
  try {
    decodeCommand(command);
    return undefined;
  } catch (error) {
    if (error instanceof MalformedCommandError) return { status: 'invalid', detail: error.message };
    throw error;
  }
}

const toUtf8 = new TextEncoder();
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
