import type { FuzzTarget } from './target.ts';
import { BATCHES } from './targets/batches.ts';
import { CALLS } from './targets/calls.ts';
import { CERTIFICATES } from './targets/certificates.ts';
import { COMMANDS } from './targets/commands.ts';
import { FILES } from './targets/files.ts';
import { FLAGS } from './targets/flags.ts';
import { HTTP2_READ } from './targets/http2.ts';
import { LOG_RECORDS } from './targets/logRecords.ts';
import { MESSAGES } from './targets/messages.ts';
import { PEER_ANSWERS } from './targets/peerAnswers.ts';
import { INTRODUCTIONS, PEER_HELLO } from './targets/peerHello.ts';
import { PEER_STREAMS } from './targets/peerStream.ts';
import { RAFT_UNARY } from './targets/raftUnary.ts';
import { REPLICAS } from './targets/replicas.ts';
import { RESULTS_READ } from './targets/results.ts';
import { REVOCATION_LISTS } from './targets/revocationLists.ts';
import { SESSION_STREAM } from './targets/sessionStream.ts';
import { SNAPSHOT_FILES } from './targets/snapshotFiles.ts';
import { SNAPSHOTS } from './targets/snapshots.ts';

/** A new one is a file, and a line here. */
export const TARGETS: readonly FuzzTarget[] = [
  SESSION_STREAM,
  CALLS,
  ...BATCHES,
  COMMANDS,
  SNAPSHOTS,
  SNAPSHOT_FILES,
  PEER_HELLO,
  INTRODUCTIONS,
  PEER_ANSWERS,
  ...PEER_STREAMS,
  ...MESSAGES,
  ...RAFT_UNARY,
  ...REPLICAS,
  LOG_RECORDS,
  ...HTTP2_READ,
  CERTIFICATES,
  REVOCATION_LISTS,
  ...FILES,
  FLAGS,
  ...RESULTS_READ,
] as readonly FuzzTarget[];
