import type { LinkListener } from '../client/transport.ts';
import type { Engine, EngineInit } from '../consensus/contract.ts';
import type { admit } from '../server/identity/admission.ts';
import type { AskTimes } from '../server/identity/asking.ts';
import type { Misfit } from '../server/identity/identity.ts';
import type { decideStart } from '../server/identity/startDecision.ts';
import type { KeyValueStore } from '../server/stateMachine/keyValueStore.ts';
import type { StartName } from '../server/storage/binding.ts';
import type { Disk, LogStore, LogStoreListener, PromisedArea } from '../server/storage/contract.ts';

/**
 * How a test puts a deliberate mistake into a cluster: by wrapping the production objects as they are put together.
 * The wrappers stand between the objects and the judge's view of them, so that the judge sees what really happens.
 */
export interface Mutation {
  engine?(engine: Engine<unknown>, init: EngineInit): Engine<unknown>;
  /** `listener` is the replica; `later` runs something in a turn of its own. */
  store?(store: LogStore, listener: LogStoreListener, later: (run: () => void) => void): LogStore;
  stateMachine?(): KeyValueStore;
  /** No mistake: all members read entries of the type BoundSessions, so a leader whose state machine wants one writes it. */
  readonly boundsSessions?: boolean;
  /** What the log store writes to. */
  disk?(disk: Disk): Disk;
  /** A server whose folder was lost takes part at once, and nobody asks who it is. */
  readonly forgets?: boolean;
  /** A server takes part as soon as it has read its store, and what it found is promised with the first write. */
  readonly settlesLate?: boolean;
  /** What a server finds in its journal may be in its machine's memory only. */
  readonly goesByMemory?: boolean;
  /** What a server finds wrong with another one's introduction. */
  misfit?(found: Misfit | undefined): Misfit | undefined;
  decideStart?(decide: typeof decideStart): typeof decideStart;
  /** How long those have who are asked who they are. */
  readonly askTimes?: AskTimes;
  readonly admit?: typeof admit;
  /** A server hears whom the fences in its log forbid. */
  readonly ignoresFences?: boolean;
  /** A server that was heard once is heard, and spoken to, as long as its connection lasts. */
  readonly hearsOnceMet?: boolean;
  /** The start of a member is told before it counts. */
  readonly tellsTooSoon?: boolean;
  /** What anybody says of a server is taken for that server's word. */
  readonly believesHearsay?: boolean;
  /** A server goes on with data of any start. */
  readonly believesAnyStart?: boolean;
  /** The start of a member counts before its data are bound to it. */
  readonly countsBeforeBinding?: boolean;
  /** What a start says of itself in the data that it binds. */
  startName?(name: StartName): StartName;
  /** What it keeps its promises in. */
  promised?(area: PromisedArea): PromisedArea;
  /** A client's leader channel, as its links report to it. */
  channel?(channel: LinkListener): LinkListener;
}
