import { EMPTY_HARD_STATE, type EngineSettings, type NodeId } from '../../consensus/contract.ts';
import { gorumsKind } from '../../consensus/gorums/index.ts';
import type { GorumsMessage } from '../../consensus/gorums/messages.ts';
import { encodeResponse } from '../../consensus/gorums/unaryCodec.ts';
import { ReceivedContent } from '../../consensus/snapshotContent.ts';
import { MemoryLog } from '../../consensus/testing/memoryLog.ts';
import type { DecodedCall, RecordedSettings } from './recording.ts';

/** An answer of the engine that is not the recorded one; `found` is undefined where it gave none. */
export interface WrongAnswer {
  readonly call: DecodedCall;
  readonly found: GorumsMessage | undefined;
}

/** The caller's name for whoever calls: an answer goes back where the request came from, whoever that was. */
function callerOf(message: GorumsMessage): NodeId {
  if (message.type === 'RequestVote') return message.candidate;
  return message.type === 'AppendEntries' || message.type === 'InstallSnapshot' ? message.leader : 0;
}

function engineSettings({ electionTimeoutMs, heartbeatMs }: RecordedSettings): EngineSettings {
  return {
    electionTimeoutMs,
    heartbeatMs,
    entriesPerMessage: 64,
    catchUpMultiplier: 1024,
    batch: true,
    checkQuorum: false,
    readProof: 'round',
    maxMessageBytes: 1 << 27,
    snapshotChunkBytes: 1 << 18,
  };
}

/**
 * Puts an engine in the place of server `id`, gives it every request that this server got, at its time, and compares its
 * answers with the recorded ones byte for byte. Storage is instant. What the engine asks others for of its own accord
 * (pre-votes in a calm, CatchMeUp) goes nowhere: the recorded servers did what they did.
 */
export function replayFollower(id: NodeId, calls: readonly DecodedCall[], settings: RecordedSettings): WrongAnswer[] {
  const log = new MemoryLog();
  const engine = gorumsKind.create({
    id,
    settings: engineSettings(settings),
    // As patient as an engine may be: in the recording, this server never stood for election.
    random: () => 1 - Number.EPSILON,
    nowMs: calls[0]?.atMs ?? 0,
    hardState: EMPTY_HARD_STATE,
    log,
    bootstrap: settings.cluster,
    appliedIndex: 0,
    receiveContent: (place, byteLength) => new ReceivedContent(place, byteLength),
  });
  const wrong: WrongAnswer[] = [];
  for (const call of calls) {
    engine.tick(call.atMs);
    if (call.to !== id) continue;
    engine.receive(callerOf(call.message), call.message);
    const output = engine.drain();
    if (output.persist !== undefined) {
      log.persist(output.persist);
      engine.durable(output.persist.mark);
    }
    const lastCommitted = output.committed.at(-1);
    if (lastCommitted !== undefined) engine.applied(lastCommitted.index);
    const sent = [...output.messages, ...output.messagesAfterPersist].map((envelope) => envelope.message);
    const found = sent.find((message) => message.call === call.seq && message.type === call.answer?.type);
    if (found === undefined || !Buffer.from(encodeResponse(found)).equals(call.response)) wrong.push({ call, found });
  }
  return wrong;
}
