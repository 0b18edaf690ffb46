/**
 * Recordings of real servers of the original, against our wire and our engine. Every `.jsonl` file in the folder is a
 * recording: one call a line, with `seq`, `at_ms`, `to`, `method`, `request` and `response` (base64 protobuf). Cases are:
 * each method's messages decode and encode to the same bytes; and, for each server that only ever follows, an engine in
 * its place answers as it did.
 */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { processTerminal } from '../cli/terminal.ts';
import { MalformedMessageError } from '../consensus/contract.ts';
import type { GorumsMessage } from '../consensus/gorums/messages.ts';
import { EMPTY_RESPONSE, encodeRequest, encodeResponse, GORUMS_METHODS } from '../consensus/gorums/unaryCodec.ts';
import { readTextFile } from '../files/regularFile.ts';
import {
  type DecodedCall,
  decodeCall,
  followersOf,
  parseRecording,
  type RecordedCall,
  settingsOf,
} from './gorumsWire/recording.ts';
import { replayFollower, type WrongAnswer } from './gorumsWire/replay.ts';
import { CASE_BYTES_MAX, type ConformanceResult } from './result.ts';

/** Of the calls that fail a case, this many are shown and the rest counted. */
const PROBLEMS_SHOWN_MAX = 5;

interface Case {
  readonly name: string;
  readonly calls: number;
  readonly problems: readonly string[];
}

/** Throws MalformedRecordingError where a file is no recording. A folder without one has no case. */
export async function run(folder: string): Promise<ConformanceResult> {
  const names = (await readdir(folder)).sort();
  const meta = names.includes('meta.json') ? readTextFile(join(folder, 'meta.json'), CASE_BYTES_MAX) : undefined;
  let passed = 0;
  let failed = 0;
  for (const name of names.filter((file) => file.endsWith('.jsonl'))) {
    const cases = judge(parseRecording(readTextFile(join(folder, name), CASE_BYTES_MAX), name), meta);
    for (const { name: what, calls, problems } of cases) {
      if (problems.length === 0) passed++;
      else failed++;
      processTerminal.out(`${problems.length === 0 ? 'pass' : 'FAIL'} ${name} ${what} (${calls} calls)`);
      for (const problem of problems.slice(0, PROBLEMS_SHOWN_MAX)) processTerminal.err(problem);
      const hidden = problems.length - PROBLEMS_SHOWN_MAX;
      if (hidden > 0) processTerminal.err(`… and ${hidden} more`);
    }
  }
  return { passed, failed };
}

function judge(recorded: readonly RecordedCall[], meta: string | undefined): Case[] {
  const decoded: DecodedCall[] = [];
  const cases: Case[] = [];
  for (const method of GORUMS_METHODS) {
    const calls = recorded.filter((call) => call.method === method);
    if (calls.length === 0) continue;
    const problems = calls.flatMap((call) => bytesKept(call, decoded) ?? []);
    cases.push({ name: `${method}: decoded and encoded to the same bytes`, calls: calls.length, problems });
  }
  decoded.sort((a, b) => a.seq - b.seq);
  const settings = settingsOf(decoded, meta);
  const followers = followersOf(decoded);
  for (const id of followers) {
    const wrong = replayFollower(id, decoded, settings);
    const calls = decoded.filter((call) => call.to === id).length;
    cases.push({ name: `server ${id}: answered as recorded`, calls, problems: wrong.map(describeWrongAnswer) });
  }
  if (followers.length === 0) {
    const problems = [
      'every server was candidate or leader at some time: there is none whose place an engine could take',
    ];
    cases.push({ name: 'a server that only follows', calls: 0, problems });
  }
  return cases;
}

/** What is wrong with the call's bytes, or nothing; a call that can be read is added to `decoded`. */
function bytesKept(call: RecordedCall, decoded: DecodedCall[]): string | undefined {
  const read = decodeCall(call);
  if (read instanceof MalformedMessageError) return `seq ${call.seq}: ${read.message}`;
  decoded.push(read);
  const request = encodeRequest(read.message)?.bytes ?? EMPTY_RESPONSE;
  const response = read.answer === undefined ? EMPTY_RESPONSE : encodeResponse(read.answer);
  if (!isDeepStrictEqual(request, call.request)) return describeBytes(call.seq, 'request', call.request, request);
  if (!isDeepStrictEqual(response, call.response)) return describeBytes(call.seq, 'response', call.response, response);
  return undefined;
}

function describeBytes(seq: number, what: string, expected: Uint8Array, found: Uint8Array): string {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  return `seq ${seq}: ${what}\n  recorded ${hex(expected)}\n  encoded  ${hex(found)}`;
}

function describeWrongAnswer({ call, found }: WrongAnswer): string {
  const { seq, atMs, message, answer } = call;
  return `seq ${seq} at ${atMs} ms: ${describe(message)}\n  recorded ${describe(answer)}\n  answered ${describe(found)}`;
}

function describe(message: GorumsMessage | undefined): string {
  if (message === undefined) return 'nothing';
  const { type, ...fields } = message;
  const shown = Object.entries(fields).map(([name, value]) =>
    Array.isArray(value) ? `${value.length} ${name}` : `${name} ${value}`,
  );
  return `${type} (${shown.join(', ')})`;
}
