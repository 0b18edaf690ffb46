import type { NodeId } from '../consensus/contract.ts';
import { blankIdentity, type Identity, type KnownServer, withChanges } from '../server/identity/identity.ts';
import { KeptIdentity, startsCountAtOnce } from '../server/identity/keptIdentity.ts';
import { checkOwner } from '../server/identity/owner.ts';
import type { DiskImage, VirtualDisk } from './virtualDisk.ts';

/** A folder as it was at some time, and what is beside it. */
export interface FolderImage {
  readonly identity: Identity;
  readonly disk: DiskImage;
}

/** What may stand in the place of a server's own folder. */
export type Misplaced = 'older copy' | 'folder of another cluster' | 'folder of another server or engine';

/** What one start of a server makes of its folder's identity. */
class StartIdentity extends KeptIdentity {
  private readonly keep: (next: Identity) => void;

  constructor(last: Identity, life: string, keep: (next: Identity) => void) {
    super(last, life);
    this.keep = keep;
  }

  protected override store(next: Identity): void {
    this.keep(next);
  }
}

/**
 * What a machine keeps for a server: its disk, and who wrote that. It also knows what no server can: whether that is all that the
 * server ever promised.
 */
export class VirtualFolder {
  private readonly id: NodeId;
  private readonly engine: string;
  private readonly disk: VirtualDisk;
  private latestIdentity: Identity;
  private made = 1;
  /** The server's own folder, while another one stands in its place. */
  private own: FolderImage | undefined;
  /** The server has promised something that is not in here, and that no admission has made harmless. */
  forgets = false;
  /** It was never lost nor replaced since it was new, or was admitted: nobody may refuse it. */
  isHonest = true;
  misplaced: Misplaced | undefined;

  constructor(id: NodeId, engine: string, disk: VirtualDisk, identity: Identity) {
    this.id = id;
    this.engine = engine;
    this.disk = disk;
    this.latestIdentity = identity;
  }

  /** What is written in it. */
  get identity(): Identity {
    return this.latestIdentity;
  }

  get image(): FolderImage {
    return { identity: this.latestIdentity, disk: this.disk.image };
  }

  /** The next start on it, named `life`. Throws IdentityError where the folder is another server's or engine's. */
  open(life: string): KeptIdentity {
    checkOwner('the folder', this.latestIdentity, this.id, this.engine);
    const start = new StartIdentity(this.latestIdentity, life, (next) => {
      this.latestIdentity = next;
    });
    if (startsCountAtOnce(this.latestIdentity.stage)) start.countStart();
    return start;
  }

  /** All of it is gone, and what is beside it. */
  lose(): void {
    this.forgets ||= this.latestIdentity.stage === 'member';
    this.isHonest = false;
    this.misplaced = undefined;
    this.own = undefined;
    this.disk.wipe();
    this.made++;
    this.latestIdentity = blankIdentity(this.id, this.engine, `${this.id}.${this.made}`, 'new');
  }

  /** Another folder stands in its place. */
  replace(by: FolderImage, misplaced: Misplaced): void {
    this.own = this.image;
    this.put(by);
    this.misplaced = misplaced;
    this.forgets = true;
    this.isHonest = false;
  }

  get canBePutBack(): boolean {
    return this.own !== undefined;
  }

  /** The server's own folder is found, and takes its place again. */
  putBack(): void {
    this.put(this.own!);
    this.own = undefined;
    this.misplaced = undefined;
    this.forgets = false;
    this.isHonest = true;
  }

  private put({ identity, disk }: FolderImage): void {
    this.latestIdentity = identity;
    this.disk.put(disk);
  }

  /** What its server promised before is harmless from now on: it was admitted, or has promised nothing. */
  begins(): void {
    this.forgets = false;
    this.isHonest = true;
    this.misplaced = undefined;
    this.own = undefined;
  }
}

/** The folder of a server that was never started. */
export function newFolder(id: NodeId, engine: string): Identity {
  return blankIdentity(id, engine, `${id}.1`, 'new');
}

/** The folders of a cluster that was founded before the run begins: all know each other. */
export function foundingMember(id: NodeId, serverCount: number, engine: string): Identity {
  const known = new Map<NodeId, KnownServer>();
  for (let other = 1; other <= serverCount; other++) {
    if (other !== id) known.set(other, { instance: `${other}.1`, boots: 0, life: '', admitted: 0, ran: true });
  }
  return withChanges(newFolder(id, engine), { cluster: 'the cluster', stage: 'member', known });
}
