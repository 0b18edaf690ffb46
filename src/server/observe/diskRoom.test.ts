import { describe, expect, it } from 'vitest';
import { DiskRoom, type Room } from './diskRoom.ts';

const MIB = 1024 * 1024;

interface Disk {
  free: number | Error;
  state: number;
}

function watched(disk: Disk, reserveBytes = 100 * MIB) {
  const changes: Room[] = [];
  const lines: string[] = [];
  const line = (level: string) => (_fields: object, words: string) => void lines.push(`${level}: ${words}`);
  const room = new DiskRoom({
    reserveBytes,
    stateBytes: () => disk.state,
    freeBytes: async () => {
      if (disk.free instanceof Error) throw disk.free;
      return disk.free;
    },
    log: { info: line('info'), warn: line('warn'), error: line('error') },
    changed: (to) => changes.push(to),
  });
  return { room, changes, lines };
}

async function look(room: DiskRoom, disk: Disk, freeMiB: number): Promise<Room> {
  disk.free = freeMiB * MIB;
  await room.look();
  return room.room;
}

describe('the room that a disk has', () => {
  it('is little below twice what is set aside, and none below that', async () => {
    const disk: Disk = { free: 0, state: 0 };
    const { room, changes, lines } = watched(disk);
    expect(await look(room, disk, 200)).toBe('enough');
    expect(await look(room, disk, 199)).toBe('little');
    expect(await look(room, disk, 100)).toBe('little');
    expect(await look(room, disk, 99)).toBe('none');
    expect(changes).toEqual(['little', 'none']);
    expect(lines).toEqual([
      'warn: the disk has 199 MiB left: below 100 MiB no command is taken',
      'error: the disk has 99 MiB left of 100 MiB that are set aside (-diskreserve): no command is taken until there is more',
    ]);
    expect(room.freeBytes).toBe(99 * MIB);
  });

  it('is there again a quarter above where it ended, so that it does not come and go', async () => {
    const disk: Disk = { free: 0, state: 0 };
    const { room, changes, lines } = watched(disk);
    expect(await look(room, disk, 50)).toBe('none');
    expect(await look(room, disk, 124)).toBe('none');
    expect(await look(room, disk, 125)).toBe('little');
    expect(await look(room, disk, 110)).toBe('little');
    expect(await look(room, disk, 500)).toBe('enough');
    expect(changes).toEqual(['none', 'little', 'enough']);
    expect(lines.at(-1)).toBe('info: the disk has 500 MiB left, which is enough');
  });

  it('follows the state: two snapshots of it are to have room', async () => {
    const disk: Disk = { free: 0, state: 0 };
    const { room } = watched(disk);
    expect(await look(room, disk, 150)).toBe('little');
    disk.state = 26 * MIB;
    expect(room.setAsideBytes).toBe(152 * MIB);
    expect(await look(room, disk, 150)).toBe('none');
  });

  it('is always enough where nothing is to be set aside, however large the state', async () => {
    const disk: Disk = { free: 0, state: 1000 * MIB };
    const { room, changes } = watched(disk, 0);
    expect(await look(room, disk, 0)).toBe('enough');
    expect(room.setAsideBytes).toBe(0);
    expect(changes).toEqual([]);
  });

  it('stays what it was while the disk does not say', async () => {
    const disk: Disk = { free: 0, state: 0 };
    const { room, changes, lines } = watched(disk);
    await look(room, disk, 50);
    disk.free = new Error('EIO: statfs');
    await room.look();
    expect(room.room).toBe('none');
    expect(lines.at(-1)).toBe('warn: how much room the disk has cannot be told: EIO: statfs');
    expect(await look(room, disk, 500)).toBe('enough');
    expect(changes).toEqual(['none', 'enough']);
  });

  it('is asked for once at a time', async () => {
    let asked = 0;
    let answer: (bytes: number) => void = () => {};
    const silent = () => {};
    const room = new DiskRoom({
      reserveBytes: MIB,
      stateBytes: () => 0,
      freeBytes: () => {
        asked++;
        return new Promise((resolve) => {
          answer = resolve;
        });
      },
      log: { info: silent, warn: silent, error: silent },
      changed: silent,
    });
    const first = room.look();
    await room.look();
    expect(asked).toBe(1);
    answer(0);
    await first;
    expect(room.room).toBe('none');
    void room.look();
    expect(asked).toBe(2);
  });
});
