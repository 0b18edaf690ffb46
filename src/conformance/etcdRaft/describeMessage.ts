import type { HardState, NodeId } from '../../consensus/contract.ts';
import type { Entry } from '../../consensus/entry.ts';
import { APPEND_THREAD, APPLY_THREAD, type Message, MessageType } from '../../consensus/etcd/messages.ts';
import type { Ready } from '../../consensus/etcd/node.ts';
import { describeEntry, describeSnapshot } from './describe.ts';

/** How the scripts print messages and what a turn brought forth. */

const NAMES: Readonly<Record<MessageType, string>> = {
  [MessageType.Unreachable]: 'MsgUnreachable',
  [MessageType.SnapshotStatus]: 'MsgSnapStatus',
  [MessageType.ForgetLeader]: 'MsgForgetLeader',
  [MessageType.StorageAppend]: 'MsgStorageAppend',
  [MessageType.StorageAppendResp]: 'MsgStorageAppendResp',
  [MessageType.StorageApply]: 'MsgStorageApply',
  [MessageType.StorageApplyResp]: 'MsgStorageApplyResp',
  [MessageType.Propose]: 'MsgProp',
  [MessageType.Append]: 'MsgApp',
  [MessageType.AppendResp]: 'MsgAppResp',
  [MessageType.Vote]: 'MsgVote',
  [MessageType.VoteResp]: 'MsgVoteResp',
  [MessageType.PreVote]: 'MsgPreVote',
  [MessageType.PreVoteResp]: 'MsgPreVoteResp',
  [MessageType.Snapshot]: 'MsgSnap',
  [MessageType.SnapshotChunk]: 'MsgSnapChunk',
  [MessageType.SnapshotChunkResp]: 'MsgSnapChunkResp',
  [MessageType.Heartbeat]: 'MsgHeartbeat',
  [MessageType.HeartbeatResp]: 'MsgHeartbeatResp',
  [MessageType.TransferLeader]: 'MsgTransferLeader',
  [MessageType.TimeoutNow]: 'MsgTimeoutNow',
  [MessageType.ReadIndex]: 'MsgReadIndex',
  [MessageType.ReadIndexResp]: 'MsgReadIndexResp',
};

/** undefined where no message is called so. */
export function messageTypeNamed(name: string): MessageType | undefined {
  const found = Object.entries(NAMES).find(([, known]) => known === name);
  return found === undefined ? undefined : (Number(found[0]) as MessageType);
}

function describeParty(id: NodeId): string {
  if (id === APPEND_THREAD) return 'AppendThread';
  return id === APPLY_THREAD ? 'ApplyThread' : String(id);
}

/** May span several lines; each starts with `indent`. */
export function describeMessage(message: Message, indent = ''): string {
  const { type, from, to, term, logTerm, index, entries, snapshot } = message;
  let text = `${indent}${describeParty(from)}->${describeParty(to)} ${NAMES[type]} Term:${term} Log:${logTerm}/${index}`;
  if (message.reject) text += ` Rejected (Hint: ${message.rejectHint})`;
  if (message.commit !== 0) text += ` Commit:${message.commit}`;
  if (message.vote !== 0) text += ` Vote:${message.vote}`;
  if (entries.length === 1) text += ` Entries:[${describeEntry(entries[0]!)}]`;
  else if (entries.length > 1) {
    text += ` Entries:[\n${entries.map((entry) => `${indent}  ${describeEntry(entry)}\n`).join('')}${indent}]`;
  }
  if (snapshot !== undefined) text += `\n${indent}  Snapshot: ${describeSnapshot(snapshot)}`;
  if (message.responses.length > 0) {
    const responses = message.responses.map((response) => `${describeMessage(response, `${indent}  `)}\n`);
    text += ` Responses:[\n${responses.join('')}${indent}]`;
  }
  return text;
}

function describeHardState({ term, vote, commit }: HardState): string {
  return vote === 0 ? `Term:${term} Commit:${commit}` : `Term:${term} Vote:${vote} Commit:${commit}`;
}

export function describeReady(ready: Ready): string {
  const lines: string[] = [];
  const list = (title: string, entries: readonly Entry[]) => {
    if (entries.length > 0) lines.push(`${title}:`, ...entries.map(describeEntry));
  };
  if (ready.softState !== undefined) lines.push(`Lead:${ready.softState.lead} State:${ready.softState.role}`);
  if (ready.hardState !== undefined) lines.push(`HardState ${describeHardState(ready.hardState)}`);
  if (ready.readStates.length > 0) {
    const states = ready.readStates.map(({ index, context }) => `{${index} [${context}]}`);
    lines.push(`ReadStates [${states.join(' ')}]`);
  }
  list('Entries', ready.entries);
  if (ready.snapshot !== undefined) lines.push(`Snapshot ${describeSnapshot(ready.snapshot)}`);
  list('CommittedEntries', ready.committed);
  if (ready.messages.length > 0) lines.push('Messages:', ...ready.messages.map((message) => describeMessage(message)));
  if (lines.length === 0) return '<empty Ready>';
  return `Ready MustSync=${ready.mustSync}:\n${lines.join('\n')}`;
}
