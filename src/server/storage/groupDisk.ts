import { GROUP_MAX, THE_GROUP } from '../../wire/group.ts';
import { type Disk, type DiskOperation, UnknownFormatError } from './contract.ts';
import { GROUP_PREFIX } from './keys.ts';

/**
 * The part of a disk that belongs to one group, whose store is the only one that sees it. Group 0 has the disk's keys as they
 * are, so that what was written before there were groups is its own; the keys of another one stand under
 * `g<group>/`. A store's records and their chain, its version and its promised area are each group's own.
 */
export function diskOfGroup(disk: Disk, group: number): Disk {
  return group === THE_GROUP ? disk : new GroupDisk(disk, prefixOf(group));
}

const WIDTH = String(GROUP_MAX).length;

function prefixOf(group: number): string {
  return `${GROUP_PREFIX}${String(group).padStart(WIDTH, '0')}/`;
}

class GroupDisk implements Disk {
  private readonly disk: Disk;
  private readonly prefix: string;

  constructor(disk: Disk, prefix: string) {
    this.disk = disk;
    this.prefix = prefix;
  }

  get(key: string): Uint8Array | undefined {
    return this.disk.get(this.prefix + key);
  }

  keys(prefix: string): readonly string[] {
    return this.disk.keys(this.prefix + prefix).map((key) => key.slice(this.prefix.length));
  }

  write(operations: readonly DiskOperation[], sync: boolean, done: (error: Error | null) => void): void {
    const prefixed = operations.map(({ key, value }) => ({ key: this.prefix + key, value }));
    this.disk.write(prefixed, sync, done);
  }

  close(): Promise<void> {
    return this.disk.close();
  }
}

/**
 * For a program that serves this group alone: it would vote in none of the others, nor keep what was promised in them. Throws
 * UnknownFormatError where there are others.
 */
export function throwIfOtherGroups(disk: Disk, group: number): void {
  const own = prefixOf(group);
  const other = disk.keys(GROUP_PREFIX).find((key) => !key.startsWith(own));
  if (other === undefined) return;
  const number = Number(other.slice(GROUP_PREFIX.length).split('/')[0]);
  throw new UnknownFormatError(
    `these data hold the log of group ${number} (key ${JSON.stringify(other)}); this program serves group ${group} alone`,
  );
}
