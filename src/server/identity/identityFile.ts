import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import type { NodeId } from '../../consensus/contract.ts';
import { writeDurably } from '../../files/durableFile.ts';
import { makeFolders } from '../../files/folders.ts';
import { readTextFile } from '../../files/regularFile.ts';
import { StorageOpenError } from '../storage/levelDisk.ts';
import { blankIdentity, EARLIER_LIVES_MAX, type Identity } from './identity.ts';
import { KeptIdentity, startsCountAtOnce } from './keptIdentity.ts';
import { keptPromiseMs } from './keptPromise.ts';
import { checkOwner, IdentityError } from './owner.ts';

/** Beside LevelDB's files, which it leaves alone: LevelDB goes by its own names. */
export const IDENTITY_FILE = 'identity.json';
/** The second one says that the data are bound to the start that it names; versions that bind nothing do not read it. */
const UNBOUND_FORMAT = 1;
const BOUND_FORMAT = 2;
const BYTES_MAX = 1024 * 1024;
/** More than any name of a start, and two of them fit into a slot of the promise file. */
const LIFE_LENGTH_MAX = 64;

const knownServer = z.strictObject({
  instance: z.string(),
  boots: z.number().int(),
  life: z.string(),
  admitted: z.number().int(),
  /** Where an earlier version did not say, it may have. */
  ran: z.boolean().optional(),
});
const content = z.strictObject({
  format: z.literal([UNBOUND_FORMAT, BOUND_FORMAT]),
  id: z.number().int(),
  engine: z.string(),
  cluster: z.string(),
  instance: z.string(),
  stage: z.enum(['new', 'admitting', 'member']),
  boots: z.number().int(),
  life: z.string().max(LIFE_LENGTH_MAX),
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

/** Who wrote the folder; undefined where it does not say. Throws IdentityError where it cannot be read. */
export function lastIdentity(location: string): Identity | undefined {
  const before = readIdentity(location);
  return before === undefined ? undefined : identityOf(before);
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

/** The identity of this start of a server, and its file: every change is on disk before it is visible. */
export class IdentityFile extends KeptIdentity {
  private location: string;

  private constructor(location: string, last: Identity) {
    super(last, randomLife());
    this.location = location;
  }

  /**
   * The next start in the folder at `location`. Where the folder says nothing it gets an identity: of a member where
   * it has data (of a version that had no identities), else of a new server.
   */
  static open(location: string, id: NodeId, engine: string, hasData: boolean): IdentityFile {
    const before = lastIdentity(location);
    if (before !== undefined) checkOwner(location, before, id, engine);
    const last = before ?? blankIdentity(id, engine, randomName(), hasData ? 'member' : 'new');
    const file = new IdentityFile(location, last);
    if (startsCountAtOnce(before?.stage)) file.countStart();
    return file;
  }

  override countStart(): void {
    try {
      super.countStart();
    } catch (cause) {
      const reason = (cause as Error).message;
      throw new StorageOpenError(this.location, `expected a directory that can be read and written (${reason})`, cause);
    }
  }

  /** What any process of this folder promised, this one's own included (keptPromise.ts). Throws StorageOpenError. */
  keptPromiseMs(ownMs: number): number {
    return keptPromiseMs(this.location, ownMs);
  }

  /** Its folder goes by another name from here on. */
  movedTo(location: string): void {
    this.location = location;
  }

  protected override store({ known, isBound, ...rest }: Identity): void {
    const unsealed: Content = {
      format: isBound ? BOUND_FORMAT : UNBOUND_FORMAT,
      ...rest,
      known: Object.fromEntries([...known].sort(([a], [b]) => a - b)),
    };
    makeFolders(this.location);
    writeDurably(join(this.location, IDENTITY_FILE), `${JSON.stringify(sealIdentity(unsealed), undefined, 1)}\n`);
  }
}

function identityOf({ format, checksum: _, known, ...rest }: Stored): Identity {
  const entries = Object.entries(known).map(([id, { ran = true, ...each }]) => [Number(id), { ...each, ran }] as const);
  return { ...rest, isBound: format === BOUND_FORMAT, known: new Map(entries) };
}
