import type { Configuration, NodeId } from '../consensus/contract.ts';
import { introductionOf, misfitOf, startedAgain } from '../server/identity/identity.ts';
import { foreignFolder } from './foreignFolder.ts';
import type { Random } from './random.ts';
import type { Surroundings } from './surroundings.ts';
import type { FolderImage, Misplaced } from './virtualFolder.ts';
import type { VirtualServer } from './virtualServer.ts';

interface Backup {
  readonly image: FolderImage;
  /** Who could lead by it. */
  readonly configuration: Pick<Configuration, 'voters' | 'outgoing'>;
}

/**
 * What befalls the folders of a cluster that was founded: they are lost, older copies are put in their place, and folders of others. Where
 * too many have forgotten nobody can be admitted again, rightly, and the cluster would never come back: so many are left alone. Nor
 * is brought about what nobody who runs can know (docs/operations.md): an older copy beside servers that have not met it since.
 */
export class FolderFaults {
  private readonly around: Surroundings;
  private readonly random: Random;
  private readonly servers: readonly VirtualServer[];
  private readonly restartLater: (server: VirtualServer) => void;
  private readonly backups = new Map<VirtualServer, Backup>();
  /** Of folders while they were new. */
  private readonly newFolders = new Map<VirtualServer, Backup>();
  /** Draws apart from the others, so that these are as they were without it. */
  private readonly ofEarlier: Random;
  private readonly ofIdentity: Random;
  private readonly ofNew: Random;
  private earlier: VirtualServer[] = [];

  constructor(
    around: Surroundings,
    random: Random,
    servers: readonly VirtualServer[],
    restartLater: (server: VirtualServer) => void,
  ) {
    this.around = around;
    this.random = random;
    this.servers = servers;
    this.restartLater = restartLater;
    this.ofEarlier = around.random.fork('earlier processes');
    this.ofIdentity = around.random.fork('identities that stay');
    this.ofNew = around.random.fork('copies of new folders');
    const { plan, timeline } = around;
    if (!plan.founding) return;
    for (const server of servers) {
      timeline.after(this.ofNew.exponential(FIRST_COPY_MEAN_US), () => this.makeCopy(server));
    }
    this.putNewLater();
  }

  /** Few clusters are founded, and backups strike few of these: copies of new folders are put back apart from them. */
  private putNewLater(): void {
    const { plan, timeline } = this.around;
    const delayUs = this.ofNew.exponential(NEW_COPY_MEAN_US / plan.pace);
    if (timeline.nowUs + delayUs >= plan.chaosUs) return;
    timeline.after(delayUs, () => {
      const copied = [...this.newFolders];
      if (copied.length > 0) {
        const [server, backup] = this.ofNew.pick(copied);
        if (this.mayPutCopy(server, backup)) this.putOlder(server, backup.image);
      }
      this.putNewLater();
    });
  }

  /** All that a server keeps is gone. */
  lose(): void {
    const victim = this.random.pick(this.servers);
    if (!this.mayForget(victim)) return;
    victim.crash('crash between events');
    this.note('lost folder', () => `server ${victim.id}`);
    this.around.census.count('folder lost');
    const goesOn = this.mayGoOn(victim) && this.ofEarlier.chance(GOES_ON_CHANCE);
    const earlier = goesOn ? victim.leaveBehind() : undefined;
    if (earlier === undefined) victim.loseFolder();
    else this.goesOn(earlier);
    this.restartLater(victim);
  }

  private mayGoOn({ folder, disk }: VirtualServer): boolean {
    // Where the new one begins by itself there are two servers of the same right.
    if (this.around.mutation.forgets === true) return false;
    return folder.identity.stage === 'member' && folder.isHonest && !folder.forgets && !disk.hasLostTail;
  }

  /** What is taken for lost runs still, cut off from some of the others, now from these and now from those. */
  private goesOn(earlier: VirtualServer): void {
    const { plan, census, timeline } = this.around;
    census.count('earlier process goes on');
    this.earlier.push(earlier);
    this.cutOff(earlier);
    timeline.after(this.ofEarlier.exponential(GOES_ON_MEAN_US / plan.pace), () => earlier.endProcess());
  }

  private cutOff(earlier: VirtualServer): void {
    if (!earlier.isUp) return;
    const { plan, network, timeline } = this.around;
    const pairs: [number, number][] = [];
    // Mostly it hears one other at most: it would stop as soon as a leader told it of the fence.
    const heard = this.ofEarlier.chance(0.8) ? this.ofEarlier.pick(this.servers).id : 0;
    for (const { id } of this.servers) {
      if (heard === 0 ? this.ofEarlier.chance(0.5) : id !== heard) pairs.push([id, earlier.endpoint]);
      if (id !== heard && this.ofEarlier.chance(0.3)) pairs.push([earlier.endpoint, id]);
    }
    const mend = network.cut({ kind: 'partial partition', pairs });
    timeline.after(this.ofEarlier.exponential(CUT_OFF_MEAN_US / plan.pace), () => {
      mend();
      this.cutOff(earlier);
    });
  }

  /** Whatever runs elsewhere is found at last. */
  endEarlier(): void {
    for (const earlier of this.earlier) earlier.endProcess();
    this.earlier = [];
  }

  /** A copy is made, or put back. */
  backUp(): void {
    const copied = [...this.backups];
    if (copied.length < this.servers.length / 2 || this.random.chance(0.3)) {
      this.makeCopy(this.random.pick(this.servers));
      return;
    }
    const [server, backup] = this.random.pick(copied);
    if (!this.mayPutCopy(server, backup)) return;
    if (this.ofIdentity.chance(STAYING_IDENTITY_CHANCE)) this.putBesideIdentity(server, backup.image);
    else this.putOlder(server, backup.image);
  }

  private makeCopy(server: VirtualServer): void {
    const { stage } = server.folder.identity;
    if (server.folder.forgets || server.disk.hasLostTail || stage === 'admitting') return;
    const { plan, judge } = this.around;
    const ofRecord = judge.server(server.id).configuration;
    const configuration = server.status()?.configuration ?? ofRecord ?? { voters: plan.bootstrap, outgoing: [] };
    this.note('copy made', () => `server ${server.id}, ${stage}`);
    const copies = stage === 'new' ? this.newFolders : this.backups;
    copies.set(server, { image: server.folder.image, configuration });
  }

  private mayPutCopy(victim: VirtualServer, { configuration }: Backup): boolean {
    return this.mayReplace(victim, configuration) && victim.folder.identity.stage === 'member';
  }

  private putOlder(victim: VirtualServer, image: FolderImage): void {
    const isKnown = this.isKnownToAll(victim.id, image);
    if (!isKnown && image.identity.stage === 'new') return;
    victim.crash('crash between events');
    // The file beside the folder is easily forgotten when a folder is put back.
    const isAlone = this.random.chance(0.3);
    const promised = isAlone ? victim.folder.image.disk.promised : image.disk.promised;
    const { census } = this.around;
    census.count('older copy put in its place');
    this.misplace(victim, { ...image, disk: { ...image.disk, promised } }, 'older copy');
    if (isKnown) return;
    // As the documents ask whoever restores a backup.
    census.count('older copy rejoined at once');
    victim.rejoins = true;
  }

  /** The identity stays, and the rest is older, or gone. */
  private putBesideIdentity(victim: VirtualServer, image: FolderImage): void {
    const { identity } = victim.folder;
    // Within the start that the identity names nobody can know, nor where nothing is bound.
    if (image.identity.life === identity.life || !identity.isBound) return;
    victim.crash('crash between events');
    const { census } = this.around;
    const isOlder = this.ofIdentity.chance(0.5);
    census.count(isOlder ? 'older data put beside the identity' : 'data deleted beside the identity');
    const disk = isOlder ? image.disk : { content: new Map<string, Uint8Array>(), promised: undefined };
    this.misplace(victim, { identity, disk }, 'older copy');
  }

  /** Whether everybody that takes part has met what came after this copy. */
  private isKnownToAll(id: NodeId, { identity }: FolderImage): boolean {
    const claim = introductionOf(startedAgain(identity, 'the copy'));
    const others = this.servers.filter((server) => server.id !== id && server.remembers);
    return others.every(({ folder }) => {
      const misfit = misfitOf(folder.identity, claim);
      if (misfit === 'forgotten' || misfit === 'older-copy') return true;
      const known = folder.identity.known.get(id);
      return identity.stage === 'new' && known?.instance === identity.instance && known.ran;
    });
  }

  /** Somebody mistakes a folder for the server's. */
  mistake(): void {
    const { plan, engine, census } = this.around;
    const victim = this.random.pick(this.servers);
    if (!this.mayReplace(victim, { voters: plan.bootstrap, outgoing: [] })) return;
    const own = victim.folder.image;
    const kind = this.random.int(3);
    const other = this.random.pick(this.servers);
    if (kind === 0 && (other === victim || !other.folder.isHonest)) return;
    victim.crash('crash between events');
    census.count('foreign folder put in its place');
    if (kind === 0) this.misplace(victim, other.folder.image, 'folder of another server or engine');
    else if (kind === 1) {
      const identity = { ...own.identity, engine: `not ${engine.kind.name}` };
      this.misplace(victim, { ...own, identity }, 'folder of another server or engine');
    } else {
      const foreign = foreignFolder(victim.id, engine.kind.name, this.random, plan.disk);
      const promised = this.random.chance(0.3) ? own.disk.promised : foreign.disk.promised;
      this.misplace(victim, { ...foreign, disk: { ...foreign.disk, promised } }, 'folder of another cluster');
    }
  }

  private misplace(victim: VirtualServer, by: FolderImage, misplaced: Misplaced): void {
    victim.misplaceFolder(by, misplaced);
    this.restartLater(victim);
    // Where nobody refuses it for good, somebody wonders at last why it does not take part.
    this.around.timeline.after(this.random.exponential(NOTICED_MEAN_US / this.around.plan.pace), () => {
      if (victim.folder.misplaced === undefined) return;
      victim.mend();
      victim.endProcess();
      this.restartLater(victim);
    });
  }

  private mayReplace(victim: VirtualServer, configuration: Backup['configuration']): boolean {
    const { folder, disk } = victim;
    // A lone server has nobody to tell it.
    if (this.around.plan.bootstrap.length === 1) return false;
    if (!folder.isHonest || folder.forgets || disk.hasLostTail || folder.identity.stage === 'admitting') return false;
    return this.mayForget(victim, configuration);
  }

  private mayForget(victim: VirtualServer, byFolder?: Backup['configuration']): boolean {
    const { plan, judge } = this.around;
    const isInitial = ({ id }: VirtualServer) => plan.bootstrap.includes(id);
    // What befalls a founding is another matter (founding.ts).
    if (this.servers.some((server) => isInitial(server) && !server.hasTakenPart)) return false;
    const configurations = this.servers.map(({ id }) => judge.server(id).configuration);
    const voters = configurations.map((each) => each?.voters ?? plan.bootstrap);
    const outgoing = configurations.map((each) => each?.outgoing ?? []);
    const all = [...voters, ...outgoing, byFolder?.voters ?? [], byFolder?.outgoing ?? []];
    const sets = all.filter((ids) => ids.length > 0);
    // A change that is under way may yet take one away.
    const margin = plan.strikes.has('membership change') ? 1 : 0;
    const isVoter = (id: NodeId) => sets.some((ids) => ids.includes(id));
    // Where no initial member is left that remembers, they are a new cluster, whoever else there may be.
    if (this.servers.filter(isInitial).every((server) => server === victim || !server.remembers)) return false;
    // Who is to be a voter has acknowledged what it will be counted for.
    if (!isVoter(victim.id) && !this.servers.some((server) => server.isChangingMembers)) return true;
    const forgetful = this.servers.filter((server) => !server.remembers && server !== victim && isVoter(server.id));
    const fewest = Math.min(...sets.map((ids) => ids.length));
    return forgetful.length + 1 <= Math.floor((fewest - margin - 1) / 2);
  }

  private note(what: string, detail: () => string): void {
    this.around.trace.note('nemesis', what, detail);
  }
}

/** While the servers of a founding are new. */
const FIRST_COPY_MEAN_US = 1_000_000;
const NEW_COPY_MEAN_US = 12_000_000;
const GOES_ON_CHANCE = 0.5;
const GOES_ON_MEAN_US = 20_000_000;
const CUT_OFF_MEAN_US = 1_000_000;
const STAYING_IDENTITY_CHANCE = 0.3;
const NOTICED_MEAN_US = 5_000_000;
