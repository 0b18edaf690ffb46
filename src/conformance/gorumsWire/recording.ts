import { z } from 'zod';
import { MalformedMessageError } from '../../consensus/contract.ts';
import type { GorumsMessage } from '../../consensus/gorums/messages.ts';
import { decodeRequest, decodeResponse, GORUMS_METHODS, type GorumsMethod } from '../../consensus/gorums/unaryCodec.ts';

/** One unary call between two servers, as it stood on the wire. */
export interface RecordedCall {
  readonly seq: number;
  readonly atMs: number;
  readonly to: number;
  readonly method: GorumsMethod;
  readonly request: Uint8Array;
  readonly response: Uint8Array;
}

/** A call whose bytes could be read; `response` is undefined where the method answers nothing. */
export interface DecodedCall extends RecordedCall {
  readonly message: GorumsMessage;
  readonly answer: GorumsMessage | undefined;
}

/** What the recorded servers were started with. */
export interface RecordedSettings {
  readonly electionTimeoutMs: number;
  readonly heartbeatMs: number;
  /** Ids of the initial cluster. */
  readonly cluster: readonly number[];
}

/** A recording that is not in the layout of ../shared/conformance/README.md. */
export class MalformedRecordingError extends Error {
  override readonly name = 'MalformedRecordingError';
}

const ELECTION_TIMEOUT_MS = 500;
const HEARTBEAT_MS = 20;

const callSchema = z.object({
  seq: z.int(),
  at_ms: z.number(),
  to: z.int().positive(),
  method: z.enum(GORUMS_METHODS),
  request: z.base64(),
  response: z.base64(),
});

/** Throws MalformedRecordingError, naming the line. */
export function parseRecording(text: string, name: string): RecordedCall[] {
  const calls: RecordedCall[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() !== '') calls.push(parseCall(line, `${name}:${i + 1}`));
  }
  return calls;
}

function parseCall(line: string, where: string): RecordedCall {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (cause) {
    throw new MalformedRecordingError(`${where}: not a JSON object`, { cause });
  }
  const parsed = callSchema.safeParse(json);
  if (!parsed.success) throw new MalformedRecordingError(`${where}: ${z.prettifyError(parsed.error)}`);
  const { seq, at_ms: atMs, to, method, request, response } = parsed.data;
  return { seq, atMs, to, method, request: bytesOf(request), response: bytesOf(response) };
}

function bytesOf(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'));
}

/** The call's messages, or why they cannot be read. */
export function decodeCall(call: RecordedCall): DecodedCall | MalformedMessageError {
  try {
    const message = decodeRequest(call.method, call.request, call.seq);
    return { ...call, message, answer: decodeResponse(call.method, call.response, call.seq) };
  } catch (error) {
    if (error instanceof MalformedMessageError) return error;
    throw error;
  }
}

function senderOf(message: GorumsMessage): number {
  if (message.type === 'RequestVote') return message.candidate;
  if (message.type === 'AppendEntries' || message.type === 'InstallSnapshot') return message.leader;
  return message.type === 'CatchMeUp' ? message.follower : 0;
}

/** The servers that only ever answer: never a candidate, never a leader, never asked by a follower to catch it up. Ascending. */
export function followersOf(calls: readonly DecodedCall[]): number[] {
  const followers = new Set(calls.map((call) => call.to));
  for (const { to, message } of calls) followers.delete(message.type === 'CatchMeUp' ? to : senderOf(message));
  return [...followers].sort((a, b) => a - b);
}

const settingsSchema = z
  .object({
    electionTimeoutMs: z.number().positive(),
    heartbeatMs: z.number().positive(),
    cluster: z.array(z.int().positive()),
  })
  .partial();

/**
 * What `meta` (the text of a meta.json beside the recording, if there is one) says, and for the rest what the calls show.
 * Throws MalformedRecordingError.
 */
export function settingsOf(calls: readonly DecodedCall[], meta: string | undefined): RecordedSettings {
  let given: z.infer<typeof settingsSchema> = {};
  try {
    if (meta !== undefined) given = settingsSchema.parse(JSON.parse(meta));
  } catch (cause) {
    const expected = 'electionTimeoutMs, heartbeatMs (numbers) and cluster (ids), each of them optional';
    throw new MalformedRecordingError(`meta.json: expected an object with ${expected}`, { cause });
  }
  return {
    electionTimeoutMs: given.electionTimeoutMs ?? Math.min(ELECTION_TIMEOUT_MS, shortestCalmMs(calls)),
    heartbeatMs: given.heartbeatMs ?? HEARTBEAT_MS,
    cluster: given.cluster ?? firstElectorate(calls),
  };
}

/**
 * How long, at the least, a candidate had not heard from a leader before it asked for pre-votes. Its election timeout was
 * not longer than that: thinned-out heartbeats only make this longer than it was.
 */
function shortestCalmMs(calls: readonly DecodedCall[]): number {
  const heardMs = new Map<number, number>();
  let shortest = Number.POSITIVE_INFINITY;
  for (const { to, atMs, message } of calls) {
    if (message.type === 'AppendEntries' || message.type === 'InstallSnapshot') heardMs.set(to, atMs);
    if (message.type !== 'RequestVote' || !message.preVote) continue;
    const heard = heardMs.get(message.candidate);
    if (heard !== undefined) shortest = Math.min(shortest, atMs - heard);
  }
  return shortest;
}

/** Everyone who took part in the first term's elections: every member is asked for its vote. */
function firstElectorate(calls: readonly DecodedCall[]): number[] {
  const ids = new Set<number>();
  let firstTerm: number | undefined;
  for (const { to, message } of calls) {
    if (message.type !== 'RequestVote') continue;
    firstTerm ??= message.term;
    if (message.term !== firstTerm) continue;
    ids.add(message.candidate);
    ids.add(to);
  }
  return [...ids].sort((a, b) => a - b);
}
