import type {
  ListClientsResponse,
  MeasureStagesResponse,
  SnapshotPiece,
  StatusResponse,
} from '../wire/generated/admin.ts';
import type { ReconfResponse, ResultStatus } from '../wire/generated/rkv.ts';
import type { PendingCommand } from './pendingCommand.ts';

/** A way to one server that carries commands. Never calls its listener from within a call to itself. */
export interface ServerLink {
  readonly address: string;
  /** Commands that wait for their result on this link. */
  readonly unanswered: number;
  /** When something last arrived, or the first of the unanswered commands was sent, whichever is later. Environment's ms. */
  readonly heardMs: number;
  /** Of a marshalled command, as far as the server told before anything may be added. */
  readonly commandBytesMax: number;
  /** How many commands may be added now: what the server's window and the connection's buffers leave. */
  room(): number;
  /** Takes a command; it leaves with the next flush at the latest. Needs room. */
  add(command: PendingCommand): void;
  flush(): void;
  /** The commands that wait for their result, in the order in which they were added. */
  waiting(): PendingCommand[];
  /** Ends the link without a word to the listener. */
  close(): void;
}

/** What a link has to report. */
export interface LinkListener {
  /** The link has room again, or for the first time. */
  linkReady(link: ServerLink): void;
  linkResult(
    link: ServerLink,
    command: PendingCommand,
    status: ResultStatus,
    clientId: number,
    value: string | undefined,
    detail: string,
  ): void;
  /** Follows the results that arrived together. */
  linkBatchDone(link: ServerLink, hint: LeaderHint | undefined): void;
  /** The link is gone; the commands that wait on it get no results. */
  linkClosed(link: ServerLink, reason: LinkFailure): void;
}

/** Who a server says is the leader; 0 and '' where it does not know. */
export interface LeaderHint {
  readonly id: number;
  readonly address: string;
}

export interface LinkFailure {
  /** For people. */
  readonly message: string;
  readonly end: LinkEnd;
}

export type LinkEnd =
  /** The way to the server, or the server, is gone. */
  | 'lost'
  /** The server refused the size of a message. */
  | 'too-large'
  /** The server does not know this kind of link, and got no command over it: the next one opened to it is of another. */
  | 'unsupported'
  /** The server said what cannot be. */
  | 'nonsense';

/** Everything that crosses the network. The unary calls reject with ServerUnreachableError, RefusedError or UnsupportedError. */
export interface Transport {
  open(address: string, listener: LinkListener): ServerLink;
  status(address: string, timeoutMs: number): Promise<StatusResponse>;
  measureStages(address: string, lastsMs: number, timeoutMs: number): Promise<MeasureStagesResponse>;
  listClients(address: string, most: number, timeoutMs: number): Promise<ListClientsResponse>;
  reconfigure(address: string, request: Reconfiguration, timeoutMs: number): Promise<ReconfResponse>;
  /** `to`: 0 for the most up-to-date voter. */
  transferLeadership(address: string, to: number, timeoutMs: number): Promise<void>;
  /** Who leads, by having a session registered: for servers that have no other way to say so. */
  whoLeads(address: string, timeoutMs: number): Promise<LeaderWord>;
  /**
   * The pieces of the server's state, in order: the next one is read once `take` is done with the one before. Gives up where none comes for `silenceMs`, and when the
   * signal says so; rejects with what `take` does, too.
   */
  saveSnapshot(
    address: string,
    take: (piece: SnapshotPiece) => Promise<void>,
    silenceMs: number,
    signal: AbortSignal | undefined,
  ): Promise<void>;
  close(): void;
}

/** What a server's answer says about who leads. */
export interface LeaderWord {
  /** The server itself. */
  readonly leads: boolean;
  /** Who leads by its word, where that is another; 0 where it knows of none. */
  readonly leader: number;
}

export interface Reconfiguration {
  readonly change: 'add' | 'remove';
  readonly serverId: number;
  /** ReconfOnBecome: the server waits until it is the leader. */
  readonly waitForLeadership: boolean;
}
