import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RkvClient } from '../src/client/rkvClient.ts';
import { ENGINE_NAMES } from '../src/consensus/engines.ts';
import { readIdentity, sealIdentity } from '../src/server/identity/identityFile.ts';
import { decodeSlot, encodeSlotHeader, PROMISED_SLOT_BYTES } from '../src/server/storage/promisedSlot.ts';
import { takeFreePorts } from '../src/supervisor/process/freePorts.ts';

const RKVD = fileURLToPath(new URL('../bin/rkvd', import.meta.url));
const REFUSED = 3;
const COUNT = 4;
/** Servers of a busy machine take their time to start. */
const PATIENCE_MS = 60_000;
const TEST_MS = 240_000;

/** One rkvd process, and all it printed. */
class Server {
  readonly child: ChildProcess;
  printed = '';
  private hear = () => {};
  private readonly ended: Promise<unknown>;

  constructor(cwd: string, args: readonly string[]) {
    this.child = spawn(RKVD, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, TMPDIR: cwd } });
    this.ended = once(this.child, 'exit');
    this.child.stderr!.on('data', (bytes: Buffer) => {
      this.printed += String(bytes);
      this.hear();
    });
  }

  /** Waits until it has printed this. */
  async says(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.printed)) {
      if (this.child.exitCode !== null) throw new Error(`rkvd ended with ${this.child.exitCode}:\n${this.printed}`);
      await Promise.race([
        new Promise<void>((resolve) => {
          this.hear = resolve;
        }),
        this.ended,
      ]);
    }
  }

  async exit(): Promise<number | null> {
    await this.ended;
    return this.child.exitCode;
  }

  async kill(): Promise<void> {
    this.child.kill('SIGCONT');
    this.child.kill('SIGKILL');
    await this.exit();
  }
}

/** Three of four servers of one cluster, each started by hand. */
class World {
  readonly folder = mkdtempSync(join(tmpdir(), 'rkv-identity-'));
  readonly servers = new Map<number, Server>();
  private readonly ports: number[];
  private readonly engine: string;
  private readonly flags: readonly string[];
  /** The initial members. */
  private readonly members: readonly number[];

  constructor(engine: string, ports: number[], flags: readonly string[] = [], members: readonly number[] = [1, 2, 3]) {
    this.members = members;
    this.engine = engine;
    this.ports = ports;
    this.flags = flags;
  }

  get addresses(): string[] {
    return this.ports.map((port) => `127.0.0.1:${port}`);
  }

  data(id: number): string {
    return join(this.folder, `rkvd-${id}`);
  }

  /** All that is kept of a server. */
  lose(id: number): void {
    rmSync(this.data(id), { recursive: true, force: true });
    rmSync(`${this.data(id)}.promised`, { force: true });
  }

  start(id: number, ...flags: string[]): Server {
    const server = new Server(this.folder, [
      ...['-id', String(id), '-servers', this.addresses.join(), '-cluster', this.members.join(), '-election', '500ms'],
      ...['-servermetrics=false', '-backend', this.engine, ...this.flags, ...flags],
    ]);
    this.servers.set(id, server);
    return server;
  }

  startAll(...flags: string[]): void {
    for (const id of this.members) this.start(id, ...flags);
  }

  client(ids = this.members): RkvClient {
    return new RkvClient({ addresses: ids.map((id) => this.addresses[id - 1]!), timeoutMs: PATIENCE_MS });
  }

  async leader(): Promise<number> {
    const client = this.client();
    try {
      return (await client.leader({ timeoutMs: PATIENCE_MS }))!.status.id;
    } finally {
      client.close();
    }
  }

  async put(first: number, count: number): Promise<void> {
    const client = this.client();
    try {
      const session = await client.openSession();
      await Promise.all(Array.from({ length: count }, (_, i) => session.insert(`k${first + i}`, `${first + i}`)));
    } finally {
      client.close();
    }
  }

  /** How many keys server `id` has applied. */
  async keys(id: number): Promise<number> {
    const client = this.client([id]);
    try {
      const { keys } = await client.status(this.addresses[id - 1]!);
      return keys;
    } finally {
      client.close();
    }
  }

  async stop(id: number, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const server = this.servers.get(id)!;
    server.child.kill(signal);
    await server.exit();
  }

  async end(): Promise<void> {
    for (const server of this.servers.values()) await server.kill();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

const worlds: World[] = [];

async function world(engine: string, ...flags: string[]): Promise<World> {
  const made = new World(engine, await takeFreePorts(COUNT), flags);
  worlds.push(made);
  return made;
}

beforeEach(() => {
  worlds.length = 0;
});
afterEach(async () => {
  for (const each of worlds) await each.end();
});

const keysOf = (one: World, id: number) => expect.poll(() => one.keys(id), { timeout: PATIENCE_MS });

describe.each(ENGINE_NAMES)('with the %s engine', (engine) => {
  it(
    'a member that came back empty is refused, and one command brings it back with everything',
    async () => {
      const one = await world(engine);
      one.startAll();
      await one.put(0, 50);
      const leader = await one.leader();
      const lost = (leader % 3) + 1;
      await keysOf(one, lost).toBe(50);
      await one.stop(lost);
      one.lose(lost);
      const empty = one.start(lost, '-recover');
      expect(await empty.exit()).toBe(REFUSED);
      expect(empty.printed).toContain('refuses this server');
      expect(empty.printed).toContain('-rejoin');
      // Without -recover it begins with another folder, which is no better.
      const again = one.start(lost);
      expect(await again.exit()).toBe(REFUSED);
      await one.put(50, 50);
      const back = one.start(lost, '-rejoin');
      await back.says(/admitted: goes on/);
      await keysOf(one, lost).toBe(100);
      // It counts again: with it the cluster serves without the third.
      const third = [1, 2, 3].find((id) => id !== lost && id !== leader)!;
      await one.stop(third);
      await one.put(100, 20);
      await keysOf(one, lost).toBe(120);
      await one.stop(lost);
      const later = one.start(lost, '-recover');
      await one.put(120, 20);
      await keysOf(one, lost).toBe(140);
      expect(later.printed).not.toContain('refuse');
    },
    TEST_MS,
  );

  it(
    'a server that is not in -cluster waits, is admitted, and can be added, removed, emptied and added again',
    async () => {
      const one = await world(engine);
      one.startAll();
      const fourth = one.start(4);
      await one.put(0, 20);
      await fourth.says(/admitted: goes on/);
      const client = one.client();
      await client.reconfigure({ change: 'add', serverId: 4, waitForLeadership: false }, { timeoutMs: PATIENCE_MS });
      await keysOf(one, 4).toBe(20);
      await client.reconfigure({ change: 'remove', serverId: 4, waitForLeadership: false }, { timeoutMs: PATIENCE_MS });
      await one.stop(4);
      one.lose(4);
      const empty = one.start(4);
      await empty.says(/admitted: goes on/);
      await client.reconfigure({ change: 'add', serverId: 4, waitForLeadership: false }, { timeoutMs: PATIENCE_MS });
      await one.put(20, 20);
      await keysOf(one, 4).toBe(40);
      client.close();
    },
    TEST_MS,
  );
});

it.each(ENGINE_NAMES)(
  'one of two that lost its data had no way back: it has with the other at its word, with the %s engine',
  async (engine) => {
    const one = new World(engine, await takeFreePorts(2), [], [1, 2]);
    worlds.push(one);
    one.startAll();
    await one.put(0, 50);
    const survivor = await one.leader();
    const lost = 3 - survivor;
    await one.stop(lost);
    one.lose(lost);
    const waits = one.start(lost, '-rejoin');
    await waits.says(/does not take part yet: .*(-survivor|try again)/);
    await one.stop(lost);
    const bySurvivor = one.start(lost, '-rejoin', '-survivor', String(survivor));
    await bySurvivor.says(/does not admit it: it leads still/);
    await one.stop(survivor);
    one.start(survivor, '-recover');
    await bySurvivor.says(/admitted: goes on/);
    await one.put(50, 50);
    await keysOf(one, lost).toBe(100);
    for (const id of [1, 2]) await one.stop(id);
    one.startAll('-recover');
    await one.put(100, 10);
    await keysOf(one, lost).toBe(110);
    await keysOf(one, survivor).toBe(110);
  },
  TEST_MS,
);

it(
  'one of two is not taken at its word while a third of -servers may know more, nor where it is one of three',
  async () => {
    const one = new World('etcd', await takeFreePorts(3), [], [1, 2]);
    worlds.push(one);
    one.startAll();
    await one.put(0, 5);
    const survivor = await one.leader();
    const lost = 3 - survivor;
    await one.stop(lost);
    one.lose(lost);
    const flags = ['-rejoin', '-survivor', String(survivor)];
    const waits = one.start(lost, ...flags);
    await waits.says(/until all others of -servers say that they are new: server 3 may know more/);
    one.start(3);
    await waits.says(/does not admit it: it leads still/);

    const three = await world('etcd');
    three.startAll();
    await three.put(0, 5);
    const id = ((await three.leader()) % 3) + 1;
    const kept = (id % 3) + 1;
    await three.stop(id);
    three.lose(id);
    const refused = three.start(id, '-rejoin', '-survivor', String(kept));
    await refused.says(/may know more/);
  },
  TEST_MS,
);

// What refuses these knows nothing of engines: each is tried with one of them.
it(
  'two members that lose their data in turn while the third is paused begin no new cluster',
  async () => {
    const one = await world('etcd');
    one.startAll();
    await one.put(0, 50);
    const paused = await one.leader();
    const [first, second] = [1, 2, 3].filter((id) => id !== paused) as [number, number];
    one.servers.get(paused)!.child.kill('SIGSTOP');
    await one.stop(first);
    one.lose(first);
    const empty = one.start(first);
    expect(await empty.exit()).toBe(REFUSED);
    await one.stop(second);
    one.lose(second);
    const both = [one.start(first), one.start(second)];
    await Promise.all(both.map((server) => server.says(/does not take part yet.*does not answer/)));
    one.servers.get(paused)!.child.kill('SIGCONT');
    for (const server of both) expect(await server.exit()).toBe(REFUSED);
  },
  TEST_MS,
);

it(
  'folders of another server, another cluster and another backend are refused by name',
  async () => {
    const one = await world('hashicorp');
    const other = await world('hashicorp');
    one.startAll();
    other.startAll();
    await one.put(0, 20);
    await other.put(0, 10);
    const id = ((await one.leader()) % 3) + 1;
    await one.stop(id);
    renameSync(one.data(id), `${one.data(id)}.kept`);

    const neighbour = (id % 3) + 1;
    await other.stop(neighbour);
    await other.stop(id);
    const swap = (from: string) => {
      one.lose(id);
      cpSync(from, one.data(id), { recursive: true });
      if (existsSync(`${from}.promised`)) cpSync(`${from}.promised`, `${one.data(id)}.promised`);
    };
    swap(other.data(neighbour));
    const anothers = one.start(id, '-recover');
    expect(await anothers.exit()).toBe(REFUSED);
    expect(anothers.printed).toContain(`was written by server ${neighbour}, this is server ${id}`);

    swap(other.data(id));
    const foreign = one.start(id, '-recover');
    expect(await foreign.exit()).toBe(REFUSED);
    expect(foreign.printed).toContain('this folder belongs to another cluster');

    swap(`${one.data(id)}.kept`);
    const backend = 'gorums';
    const misread = one.start(id, '-recover', '-backend', backend);
    expect(await misread.exit()).toBe(REFUSED);
    expect(misread.printed).toContain(`was written by the hashicorp backend`);
    await one.put(20, 20);
    const client = one.client();
    for (const key of [0, 19, 39]) expect(await client.lookup(`k${key}`)).toBe(`${key}`);
    client.close();
  },
  TEST_MS,
);

it(
  'an older copy of a folder is refused, and one command brings the server back',
  async () => {
    const one = await world('gorums');
    one.startAll();
    await one.put(0, 20);
    const id = ((await one.leader()) % 3) + 1;
    await one.stop(id);
    const copies = [one.data(id), `${one.data(id)}.promised`].filter(existsSync);
    for (const path of copies) cpSync(path, `${path}.copy`, { recursive: true });
    one.start(id, '-recover');
    await one.put(20, 20);
    await keysOf(one, id).toBe(40);
    await one.stop(id);
    // Beside the present identity, which the others know, it was taken for the present folder; so was nothing at all.
    const identity = readFileSync(join(one.data(id), 'identity.json'));
    const restored = copies.map((path) => [`${path}.copy`, path] as const);
    for (const [parts, words] of [
      [restored, 'all but identity.json is older'],
      [[], 'all but identity.json is gone, or older'],
    ] as const) {
      one.lose(id);
      for (const [from, to] of parts) cpSync(from, to, { recursive: true });
      mkdirSync(one.data(id), { recursive: true });
      writeFileSync(join(one.data(id), 'identity.json'), identity);
      for (let i = 0; i < 2; i++) {
        const mixed = one.start(id, '-recover');
        expect(await mixed.exit()).toBe(REFUSED);
        expect(mixed.printed).toContain(words);
        expect(mixed.printed).not.toContain('nothing to recover');
      }
    }
    one.lose(id);
    for (const path of copies) renameSync(`${path}.copy`, path);
    // However often it is started, it does not grow out of it.
    const refuse = async () => {
      for (let i = 0; i < 3; i++) {
        const older = one.start(id, '-recover');
        expect(await older.exit()).toBe(REFUSED);
        expect(older.printed).toContain('older copy');
      }
    };
    await refuse();
    // Nor where it takes part while nobody is there who knows better, and these come back.
    const others = [1, 2, 3].filter((each) => each !== id);
    for (const other of others) await one.stop(other);
    for (let i = 0; i < 3; i++) {
      const alone = one.start(id, '-recover');
      await alone.says(/serving/);
      await one.stop(id);
    }
    const alone = one.start(id, '-recover');
    await alone.says(/serving/);
    for (const other of others) one.start(other, '-recover');
    expect(await alone.exit()).toBe(REFUSED);
    expect(alone.printed).toContain('older copy');
    await refuse();
    const back = one.start(id, '-rejoin');
    await back.says(/admitted: goes on/);
    await keysOf(one, id).toBe(40);
  },
  TEST_MS,
);

it(
  'a copy made while the folder was new, beside the promise file of what came after it, went on under -rejoin',
  async () => {
    const one = await world('gorums');
    const early = one.start(3);
    await early.says(/a new folder/);
    await early.says(/serving/);
    await one.stop(3);
    cpSync(one.data(3), `${one.data(3)}.copy`, { recursive: true });
    one.startAll();
    await one.put(0, 20);
    await keysOf(one, 3).toBe(20);
    await one.stop(3);
    rmSync(one.data(3), { recursive: true });
    renameSync(`${one.data(3)}.copy`, one.data(3));
    const newer = one.start(3, '-recover');
    expect(await newer.exit()).toBe(REFUSED);
    // Few writes may all stand in the promise file still, which then gives them back to a folder that should have none.
    expect(newer.printed).toMatch(/was promised|never took part/);
    const back = one.start(3, '-rejoin');
    await back.says(/admitted: goes on/);
    await keysOf(one, 3).toBe(20);
  },
  TEST_MS,
);

it(
  'a member that was started without -recover keeps its data where they are, refused or killed while it waits',
  async () => {
    const one = await world('etcd');
    one.startAll();
    await one.put(0, 20);
    const id = ((await one.leader()) % 3) + 1;
    await keysOf(one, id).toBe(20);
    const others = [1, 2, 3].filter((each) => each !== id);
    const files = () => readdirSync(one.folder).filter((name) => name.startsWith(`rkvd-${id}`));
    await one.stop(id);
    const before = files();
    const refused = one.start(id);
    expect(await refused.exit()).toBe(REFUSED);
    expect(refused.printed).toContain('refuses this server');
    expect(files()).toEqual(before);
    for (const other of others) await one.stop(other);
    const waiting = one.start(id);
    await waiting.says(/does not take part yet/);
    await one.stop(id);
    one.startAll('-recover');
    await one.put(20, 20);
    await keysOf(one, id).toBe(40);
    expect(files()).toEqual(before);
    // Where it may begin without them they go aside, and nothing else is left.
    for (const each of [1, 2, 3]) await one.stop(each);
    one.startAll();
    await one.put(0, 1);
    await keysOf(one, id).toBe(1);
    expect(files()).toEqual([
      `rkvd-${id}`,
      expect.stringMatching(/\.old-[^.]+$/),
      expect.stringMatching(/\.old-[^.]+\.promised$/),
      `rkvd-${id}.promised`,
    ]);
  },
  TEST_MS,
);

it(
  'a copy of a folder from before it took part is refused also by those that it never had to speak to',
  async () => {
    // Followers of this engine have nothing to say to each other.
    const one = await world('hashicorp');
    const early = one.start(3);
    await early.says(/a new folder/);
    await one.stop(3);
    const copies = [one.data(3), `${one.data(3)}.promised`].filter(existsSync);
    for (const path of copies) cpSync(path, `${path}.copy`, { recursive: true });
    // Server 1 founds and leads; the other two never stand, and so never dial each other.
    one.start(1);
    for (const id of [2, 3]) one.start(id, '-election', '60s');
    await one.put(0, 20);
    await keysOf(one, 3).toBe(20);
    for (const id of [1, 3]) await one.stop(id);
    one.lose(3);
    for (const path of copies) renameSync(`${path}.copy`, path);
    const copy = one.start(3, '-recover');
    expect(await copy.exit()).toBe(REFUSED);
    expect(copy.printed).toContain('server 2 refuses this server');
  },
  TEST_MS,
);

it(
  'all servers of a cluster begin anew without -recover, and come back with it',
  async () => {
    const one = await world('etcd');
    one.startAll();
    await one.put(0, 20);
    for (const id of [1, 2, 3]) await one.stop(id);
    one.startAll('-recover');
    const client = one.client();
    expect(await client.lookup('k19')).toBe('19');
    for (const id of [1, 2, 3]) await one.stop(id);
    one.startAll();
    await one.put(100, 1);
    expect(await client.lookup('k19')).toBeUndefined();
    client.close();
  },
  TEST_MS,
);

it(
  'servers that speak in unary calls refuse each other alike',
  async () => {
    const one = await world('gorums', '-ordergorums=false');
    one.startAll();
    await one.put(0, 20);
    const id = ((await one.leader()) % 3) + 1;
    await one.stop(id);
    const path = join(one.data(id), 'identity.json');
    const { checksum: _, ...identity } = readIdentity(one.data(id))!;
    writeFileSync(path, JSON.stringify(sealIdentity({ ...identity, cluster: 'f'.repeat(32) })));
    const foreign = one.start(id, '-recover');
    expect(await foreign.exit()).toBe(REFUSED);
    expect(foreign.printed).toContain('another cluster');
    writeFileSync(path, JSON.stringify(sealIdentity(identity)));
    one.start(id, '-recover');
    await one.put(20, 20);
    await keysOf(one, id).toBe(40);
  },
  TEST_MS,
);

/** As a version left it that bound nothing to a start. */
function unbind(location: string): void {
  const path = `${location}.promised`;
  const bytes = readFileSync(path);
  for (const at of [0, PROMISED_SLOT_BYTES]) {
    const { storeId, sequence, checksum, records } = decodeSlot(bytes.subarray(at, at + PROMISED_SLOT_BYTES))!;
    const values = records.map(({ value }) => value);
    const header = encodeSlotHeader(storeId, undefined, sequence, checksum, values);
    bytes.set(Buffer.concat([header, ...values]), at);
  }
  writeFileSync(path, bytes);
}

it(
  'folders of earlier versions, without an identity or with nothing that is bound to it, are taken over',
  async () => {
    const one = await world('gorums');
    one.startAll();
    await one.put(0, 20);
    const stopAll = async () => {
      for (const id of [1, 2, 3]) await one.stop(id);
    };
    await stopAll();
    for (const id of [1, 2, 3]) {
      unbind(one.data(id));
      rmSync(join(one.data(id), 'identity.json'));
    }
    one.startAll('-recover');
    await one.put(20, 20);
    for (const id of [1, 2, 3]) {
      expect(one.servers.get(id)!.printed).toContain('data of a version without identities');
      await keysOf(one, id).toBe(40);
    }
    await stopAll();
    for (const id of [1, 2, 3]) {
      unbind(one.data(id));
      const { checksum: _, ...identity } = readIdentity(one.data(id))!;
      expect(identity.format).toBe(2);
      writeFileSync(join(one.data(id), 'identity.json'), JSON.stringify(sealIdentity({ ...identity, format: 1 })));
    }
    one.startAll('-recover');
    await one.put(40, 20);
    for (const id of [1, 2, 3]) {
      await keysOf(one, id).toBe(60);
      expect(readIdentity(one.data(id))!.format).toBe(2);
    }
  },
  TEST_MS,
);
