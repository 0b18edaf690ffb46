import { resolve } from 'node:path';
import { printable } from '../../cli/printable.ts';
import type { Terminal } from '../../cli/terminal.ts';
import type { SnapshotHead, SnapshotPiece } from '../../wire/generated/admin.ts';
import { checksumText, MalformedPiecesError, PieceChecker } from '../../wire/snapshotPieces.ts';
import { DamagedSnapshotError } from '../errors.ts';
import type { RkvClient } from '../rkvClient.ts';
import { counted, shown } from './counts.ts';
import { explained } from './offlineErrors.ts';

/** Of a line that a server, or a file, has its say in. */
const LINE_LENGTH_MAX = 1000;
/** How often it is said how far it is. */
const PROGRESS_MS = 2000;
const MIB = 1024 * 1024;

/** Writes the leader's state to a new file. Answers the exit code. */
export async function saveSnapshot(
  client: RkvClient,
  path: string,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const { SnapshotFileWriter } = await import('../../offline/snapshotFile.ts');
  const saved = await explained(async () => {
    const writer = await SnapshotFileWriter.create(path);
    try {
      const from = await receive(client, (piece) => writer.write(piece), terminal, signal);
      await writer.finish();
      return from;
    } catch (error) {
      await writer.abandon();
      throw error;
    }
  }, terminal);
  if (saved === undefined) return 1;
  const { head, address } = saved;
  terminal.out(printable(`${path}: ${summaryOf(head)}, from server ${head.server} at ${address}`, LINE_LENGTH_MAX));
  return 0;
}

/** Hands over what comes, once it is checked. Rejects where that is not all of a snapshot. */
async function receive(
  client: RkvClient,
  write: (piece: SnapshotPiece) => Promise<void>,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<{ readonly head: SnapshotHead; readonly address: string }> {
  const checker = new PieceChecker();
  let server = '';
  let toldMs = performance.now();
  await client.saveSnapshot(
    async (piece, address) => {
      server = address;
      try {
        checker.take(piece);
      } catch (error) {
        if (!(error instanceof MalformedPiecesError)) throw error;
        throw new DamagedSnapshotError(`what ${address} sends is damaged: ${error.message}`, { cause: error });
      }
      await write(piece);
      const nowMs = performance.now();
      if (checker.isWhole || nowMs - toldMs < PROGRESS_MS) return;
      toldMs = nowMs;
      terminal.err(`${mib(checker.stateBytes)} of ${mib(checker.head!.stateBytes)} MiB`);
    },
    { signal },
  );
  if (!checker.isWhole) throw new DamagedSnapshotError(`what ${server} sent ended early`);
  return { head: checker.head!, address: server };
}

/** Says what is in a file, all of which is read. Answers the exit code. */
export async function printSnapshot(path: string, isJson: boolean, terminal: Terminal): Promise<number> {
  const { withSnapshotFile } = await import('../../offline/snapshotFile.ts');
  const found = await explained(
    async () =>
      withSnapshotFile(path, (reader) => {
        for (const _piece of reader.state());
        return { head: reader.head, checksum: checksumText(reader.checksum) };
      }),
    terminal,
  );
  if (found === undefined) return 1;
  const { checksum } = found;
  const { takenMs, ...head } = found.head;
  const takenAt = timeOf(takenMs);
  if (isJson) {
    terminal.json({ file: path, ...head, takenAt, checksum }, 2);
    return 0;
  }
  const { voters, learners, cluster, server, backend, stateVersion } = head;
  const lines = [
    `file      ${path}`,
    `made      ${takenAt}, by server ${server} of the ${backend} engine`,
    `cluster   ${cluster || 'not known'}: voters ${voters.join(', ')}${learners.length === 0 ? '' : `, learners ${learners.join(', ')}`}`,
    `state     ${summaryOf(found.head)}, in form ${stateVersion}`,
    `checksum  ${checksum}, and all others are right`,
  ];
  for (const line of lines) terminal.out(printable(line, LINE_LENGTH_MAX));
  return 0;
}

export interface RestoreRequest {
  readonly file: string;
  readonly backend: string;
  readonly members: readonly number[];
  readonly dataDirectory: string;
}

/** Makes the folders of a new cluster of a file. Answers the exit code. */
export async function restoreSnapshot(
  { file, backend, members, dataDirectory }: RestoreRequest,
  terminal: Terminal,
): Promise<number> {
  const { restore } = await import('../../offline/restore.ts');
  const servers = members.map((id) => ({ id, dataDirectory: resolve(dataDirectory) }));
  const made = await explained(() => restore(file, backend, servers), terminal);
  if (made === undefined) return 1;
  const { cluster, head, index, folders } = made;
  const lines = [
    `new cluster ${cluster}, of ${summaryOf(head)}; its log goes on at ${shown(index + 1)}`,
    ...folders.map((folder) => `made ${folder}`),
    `start its servers with -recover -backend ${backend} -cluster ${members.join(',')}`,
  ];
  for (const line of lines) terminal.out(printable(line, LINE_LENGTH_MAX));
  return 0;
}

function summaryOf({ index, term, stateBytes, keys, sessions }: SnapshotHead): string {
  return `index ${shown(index)}, term ${term}: ${counted(keys, 'key')} and ${counted(sessions, 'session')} in ${shown(stateBytes)} bytes`;
}

function mib(bytes: number): string {
  return shown(Math.floor(bytes / MIB));
}

/** The file's word for it, which may be any number. */
function timeOf(ms: number): string {
  const time = new Date(ms);
  return Number.isNaN(time.getTime()) ? 'at no time that there is' : time.toISOString();
}
