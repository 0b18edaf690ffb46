import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import type { NodeId } from '../../consensus/contract.ts';
import { readTextFile } from '../../files/regularFile.ts';
import { RefusedDataError } from '../storage/contract.ts';
import { StorageOpenError } from '../storage/levelDisk.ts';
import {
  EARLIER_LIVES_MAX,
  type Identity,
  type Introduction,
  type Misfit,
  misfitOf,
  type Stage,
  startedAgain,
  withKnown,
} from './identity.ts';

/** Beside LevelDB's files, which it leaves alone: LevelDB goes by its own names. */
export const IDENTITY_FILE = 'identity.json';
const FORMAT = 1;
const BYTES_MAX = 1024 * 1024;

/** The folder was written by another server, or for another engine, or its identity cannot be read. */
export class IdentityError extends RefusedDataError {
  override readonly name = 'IdentityError';
  override readonly remedy: string;
  constructor(message: string, remedy = new RefusedDataError().remedy, options?: ErrorOptions) {
    super(message, options);
    this.remedy = remedy;
  }
}

const knownServer = z.strictObject({
  instance: z.string(),
  boots: z.number().int(),
  life: z.string(),
  admitted: z.number().int(),
  /** Where an earlier version did not say, it may have. */
  ran: z.boolean().optional(),
});
const content = z.strictObject({
  format: z.literal(FORMAT),
  id: z.number().int(),
  engine: z.string(),
  cluster: z.string(),
  instance: z.string(),
  stage: z.enum(['new', 'admitting', 'member']),
  boots: z.number().int(),
  life: z.string(),
  earlierLives: z.array(z.string()).max(EARLIER_LIVES_MAX),
  admitted: z.number().int(),
  known: z.record(z.string().regex(/^\d+$/), knownServer),
});
type Content = z.infer<typeof content>;
/** crc32 of the rest, in hexadecimal: a flipped bit in an instance would have honest servers refuse each other. */
const stored = content.extend({ checksum: z.string() });
type Stored = z.infer<typeof stored>;

/** What is written: the content, in the order that the checksum is reckoned in, and the checksum. */
export function sealIdentity(unsealed: Content): Stored {
  const ordered = content.parse(unsealed);
  return { ...ordered, checksum: crc32(JSON.stringify(ordered)).toString(16).padStart(8, '0') };
}

/** A random name that no two of ever meet. */
export function randomName(): string {
  return randomBytes(16).toString('hex');
}

/** A random name for a start. It is told often, and need only differ from those of one folder. */
function randomLife(): string {
  return randomBytes(8).toString('hex');
}

/** What the folder says of who wrote it; undefined where it says nothing. Throws IdentityError where it cannot be read. */
export function readIdentity(location: string): Stored | undefined {
  const path = join(location, IDENTITY_FILE);
  if (!existsSync(path)) return undefined;
  let text: string;
  try {
    text = readTextFile(path, BYTES_MAX);
  } catch (cause) {
    throw new IdentityError(`cannot read ${path}: ${(cause as Error).message}`, 'make it readable', { cause });
  }
  const parsed = stored.safeParse(json(text));
  const isWhole = parsed.success && sealIdentity(withoutChecksum(parsed.data)).checksum === parsed.data.checksum;
  if (isWhole) return parsed.data;
  const why = parsed.success ? 'its checksum is wrong' : (parsed.error.issues[0]?.message ?? 'unreadable');
  throw new IdentityError(`${path} does not say who wrote this folder (${why}): it is damaged, or of a later version`);
}

function withoutChecksum({ checksum: _, ...rest }: Stored): Content {
  return rest;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Throws IdentityError where the folder is of another server or for another engine. */
export function checkOwner(location: string, { id, engine }: Stored, self: NodeId, backend: string): void {
  if (id !== self) {
    throw new IdentityError(
      `${location} was written by server ${id}, this is server ${self}`,
      `check -id and -datadir; where the folder of server ${self} is gone, start it once with -rejoin`,
    );
  }
  if (engine !== backend) {
    throw new IdentityError(
      `${location} was written by the ${engine} backend, which ${backend} would misread`,
      `start it with -backend ${engine}, or with another -datadir`,
    );
  }
}

/**
 * The identity of this start of a server, and its file. Every change is on disk before it is visible, but for the start of
 * a member: it is nowhere until `countStart`, nor is what is learnt before, which it cannot have used.
 */
export class IdentityFile {
  private readonly path: string;
  private readonly location: string;
  private current: Identity;
  private isCounted = false;

  private constructor(location: string, current: Identity) {
    this.location = location;
    this.path = join(location, IDENTITY_FILE);
    this.current = current;
  }

  /**
   * The next start in the folder at `location`. Where the folder says nothing it gets an identity: of a member where
   * it has data (of a version that had no identities), else of a new server.
   */
  static open(location: string, id: NodeId, engine: string, hasData: boolean): IdentityFile {
    const before = readIdentity(location);
    if (before !== undefined) checkOwner(location, before, id, engine);
    const last = before === undefined ? blank(id, engine, hasData ? 'member' : 'new') : withoutFormat(before);
    const file = new IdentityFile(location, startedAgain(last, randomLife()));
    // The others may be about to begin with the instance of a new server: it is to be the same at its next start.
    if (before?.stage !== 'member') file.countStart();
    return file;
  }

  /** To be called before this start takes part, and only where nobody objects to it. */
  countStart(): void {
    this.isCounted = true;
    try {
      this.write(this.current);
    } catch (cause) {
      this.isCounted = false;
      const reason = (cause as Error).message;
      throw new StorageOpenError(this.location, `expected a directory that can be read and written (${reason})`, cause);
    }
  }

  /** Whether this start is on disk. Until then nobody may hear of it: noted by others and then lost, it would be missed. */
  get counts(): boolean {
    return this.isCounted;
  }

  get identity(): Identity {
    return this.current;
  }

  change(part: Partial<Pick<Identity, 'cluster' | 'stage' | 'admitted' | 'known'>>): void {
    this.write({ ...this.current, ...part });
  }

  /**
   * What is wrong with another server's introduction. Where nothing is, and this one takes part, the server is known from
   * here on: durably, so that its messages may be used. Throws where that cannot be written.
   */
  meet(claim: Introduction): Misfit | undefined {
    const misfit = misfitOf(this.current, claim);
    if (misfit !== undefined) return misfit;
    const next = withKnown(this.current, claim);
    if (next !== this.current) this.write(next);
    return undefined;
  }

  private write(next: Identity): void {
    if (!this.isCounted) {
      this.current = next;
      return;
    }
    const { known, ...rest } = next;
    const unsealed: Content = {
      format: FORMAT,
      ...rest,
      known: Object.fromEntries([...known].sort(([a], [b]) => a - b)),
    };
    mkdirSync(this.location, { recursive: true });
    const temporary = `${this.path}.new`;
    // What a crash left there was never in force.
    rmSync(temporary, { force: true });
    const descriptor = openSync(temporary, 'wx', 0o600);
    try {
      writeFileSync(descriptor, `${JSON.stringify(sealIdentity(unsealed), undefined, 1)}\n`);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, this.path);
    syncFolder(this.location);
    this.current = next;
  }
}

/** Before its first start. */
function blank(id: NodeId, engine: string, stage: Stage): Identity {
  const never = { boots: 0, life: '', earlierLives: [] };
  return { id, engine, cluster: '', instance: randomName(), stage, ...never, admitted: 0, known: new Map() };
}

function withoutFormat({ format: _, checksum: __, known, ...rest }: Stored): Identity {
  const entries = Object.entries(known).map(([id, { ran = true, ...each }]) => [Number(id), { ...each, ran }] as const);
  return { ...rest, known: new Map(entries) };
}

/** A rename is durable once its folder is. */
function syncFolder(location: string): void {
  const descriptor = openSync(location, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
