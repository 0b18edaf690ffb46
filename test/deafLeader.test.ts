import { mkdtemp } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { RkvClient } from '../src/client/rkvClient.ts';
import { ENGINE_NAMES } from '../src/consensus/engines.ts';
import { planCluster } from '../src/supervisor/clusterPlan.ts';
import { type RunningCluster, startPlanned } from '../src/supervisor/launcher.ts';
import { takeFreePorts } from '../src/supervisor/process/freePorts.ts';

const ELECTION_MS = 1000;
/** Between the moment a client asks and the moment it finds the new leader, on a loaded machine. */
const CLIENT_MS = 2000;

/** What a server's peers connect to. While the server is deaf, nothing that they send reaches it; what it answers reaches them. */
class Ear {
  isDeaf = false;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  constructor(from: number, to: number) {
    this.server = createServer((peer) => {
      const inside = connect(to, '127.0.0.1');
      this.sockets.add(peer);
      this.sockets.add(inside);
      peer.on('data', (bytes) => {
        if (!this.isDeaf) inside.write(bytes);
      });
      inside.pipe(peer);
      for (const [one, other] of [
        [peer, inside],
        [inside, peer],
      ] as const) {
        one.on('error', () => other.destroy());
        one.on('close', () => other.destroy());
      }
    });
    this.server.listen(from, '127.0.0.1');
  }

  /** What was lost has left its connections in the middle of a frame: they are over. */
  hear(): void {
    this.isDeaf = false;
    for (const socket of this.sockets) socket.destroy();
    this.sockets.clear();
  }

  close(): void {
    this.hear();
    this.server.close();
  }
}

let cluster: RunningCluster | undefined;
let client: RkvClient | undefined;
let ears: Ear[] = [];

afterEach(async () => {
  client?.close();
  await cluster?.stop();
  for (const ear of ears) ear.close();
  ears = [];
});

it.each(ENGINE_NAMES)(
  '%s serves while its leader hears nothing, with the default flags',
  async (backend) => {
    const temporary = await mkdtemp(join(tmpdir(), 'rkv-deaf-'));
    const ports = await takeFreePorts(6);
    const planned = planCluster({ nodes: 3, backend, metrics: false, datadir: temporary }, 'deaf', ports.slice(0, 3));
    const listening = ports.slice(3).map((port) => `127.0.0.1:${port}`);
    const servers = planned.servers.map((server, place) => ({ ...server, listen: listening[place]! }));
    ears = ports.slice(0, 3).map((port, place) => new Ear(port, ports[3 + place]!));
    cluster = await startPlanned({ ...planned, servers }, { temporary });
    // Clients reach every server: only what servers tell each other is lost.
    client = new RkvClient({ addresses: listening });
    const session = await client.openSession();
    await session.insert('before', 'yes');
    const deaf = (await client.leader())!;
    const place = deaf.status.id - 1;
    ears[place]!.isDeaf = true;
    await session.insert('during', 'yes', { timeoutMs: 3 * ELECTION_MS + CLIENT_MS });
    expect(await client.lookup('during')).toBe('yes');
    const leader = (await client.leader())!;
    expect(leader.status.id).not.toBe(deaf.status.id);
    // By itself it does not step down.
    expect(await client.status(listening[place]!)).toMatchObject({ role: 'leader', term: deaf.status.term, leader: 0 });
    ears[place]!.hear();
    await expect.poll(async () => (await client!.status(listening[place]!)).role, { timeout: 10_000 }).toBe('follower');
  },
  60_000,
);
