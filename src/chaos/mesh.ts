import { parseAddress } from '../net/endpoints/addresses.ts';
import type { ClusterPlan } from '../supervisor/clusterPlan.ts';
import { FaultyLink } from './faultyLink.ts';

/** Links from every server to every other, and from every client to every server, and what their ends call them. */
export class Mesh {
  private readonly links = new Map<string, FaultyLink>();
  private readonly ports = new Map<string, number>();
  /** Under the addresses that anybody knows: which server it is. */
  private readonly serverAt = new Map<string, number>();
  readonly clients: number;

  private constructor(clients: number) {
    this.clients = clients;
  }

  static async open(servers: number, clients: number): Promise<Mesh> {
    const mesh = new Mesh(clients);
    for (let to = 1; to <= servers; to++) {
      for (let from = 1; from <= servers; from++) if (from !== to) await mesh.add(serverEnd(from), to);
      for (let client = 0; client < clients; client++) await mesh.add(clientEnd(client), to);
    }
    return mesh;
  }

  private async add(from: string, to: number): Promise<void> {
    const link = new FaultyLink();
    const port = await link.listen();
    this.links.set(`${from}→${to}`, link);
    this.ports.set(`${from}→${to}`, port);
    this.serverAt.set(localAddress(port), to);
  }

  /** The same cluster, in which each server reaches the others by its own links. */
  wire(plan: ClusterPlan): ClusterPlan {
    for (const { id, address } of plan.servers) {
      this.serverAt.set(address, id);
      for (const [name, link] of this.links) if (name.endsWith(`→${id}`)) link.leadTo(parseAddress(address)!.port);
    }
    const servers = plan.servers.map((server) => ({
      ...server,
      dials: plan.servers.map(({ id, address }) =>
        id === server.id ? address : this.addressFor(serverEnd(server.id), id),
      ),
    }));
    return { ...plan, servers };
  }

  /** How a client dials the server that is known to anybody by `address`. */
  dialledBy(client: number, address: string): string {
    const server = this.serverAt.get(address);
    return server === undefined ? address : this.addressFor(clientEnd(client), server);
  }

  private addressFor(from: string, to: number): string {
    return localAddress(this.ports.get(`${from}→${to}`)!);
  }

  between(from: number, to: number): FaultyLink {
    return this.links.get(`${serverEnd(from)}→${to}`)!;
  }

  ofClient(client: number, to: number): FaultyLink {
    return this.links.get(`${clientEnd(client)}→${to}`)!;
  }

  close(): void {
    for (const link of this.links.values()) link.close();
  }
}

const serverEnd = (id: number): string => `server ${id}`;
const clientEnd = (client: number): string => `client ${client}`;
const localAddress = (port: number): string => `127.0.0.1:${port}`;
