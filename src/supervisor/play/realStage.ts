import { RkvClient } from '../../client/rkvClient.ts';
import type { RequestedFault } from '../../faults/requests/faultRequest.ts';
import type { Stage } from '../../scenarios/conductor.ts';
import type { ServerSample } from '../../scenarios/samples.ts';
import type { Done, FaultListener } from '../../scenarios/stepPlayer.ts';
import { type Book, type ClientPort, wrongValue } from '../../scenarios/writers.ts';
import type { PlayedCluster } from './playedCluster.ts';

/** For an operator's request, ms. */
const OPERATOR_MS_MAX = 30_000;
const READ_MS_MAX = 20_000;

/** Real servers and clients of the library, as a scenario finds them. */
export class RealStage implements Stage {
  readonly ids: readonly number[];
  private readonly cluster: PlayedCluster;
  private readonly clients: RkvClient[] = [];
  private readonly operator: RkvClient;
  private isClosed = false;

  constructor(cluster: PlayedCluster) {
    this.cluster = cluster;
    this.ids = cluster.ids;
    this.operator = this.newClient();
  }

  nowMs(): number {
    return performance.now();
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  }

  /** As it is by default. */
  private newClient(): RkvClient {
    const { addresses, security } = this.cluster;
    return new RkvClient({ addresses, security });
  }

  openClient(_number: number, opened: (client: ClientPort) => void): void {
    const client = this.newClient();
    this.clients.push(client);
    client.openSession({ timeoutMs: Number.POSITIVE_INFINITY }).then(
      (session) =>
        opened({
          insert: (key, value, done) => {
            session.insert(key, value).then(
              () => done(true),
              () => this.isClosed || done(false),
            );
          },
        }),
      // The play is over before it had one.
      () => {},
    );
  }

  look(seen: (servers: readonly ServerSample[]) => void, lost: (why: string) => void): void {
    this.cluster.status().then(seen, (error: Error) => lost(error.message));
  }

  beginFault(fault: RequestedFault, forMs: number | undefined, listener: FaultListener): void {
    this.cluster.beginFault(fault, forMs, listener);
  }

  heal(done: Done): void {
    report(this.cluster.heal(), done);
  }

  stop(id: number, done: Done): void {
    report(this.cluster.stopServer(id), done);
  }

  start(id: number, done: Done): void {
    report(this.cluster.startServer(id), done);
  }

  transfer(to: number, done: Done): void {
    report(this.operator.transferLeadership(to, { timeoutMs: OPERATOR_MS_MAX }), done);
  }

  reconfigure(change: 'add' | 'remove', serverId: number, done: Done): void {
    const request = { change, serverId, waitForLeadership: false };
    report(this.operator.reconfigure(request, { timeoutMs: OPERATOR_MS_MAX }), done);
  }

  /** What is wrong with what the servers hold. */
  async wrongBooks(books: readonly Book[]): Promise<string[]> {
    const found = await Promise.all(
      books.map(async (book) => {
        try {
          return wrongValue(book, await this.operator.lookup(book.key, { timeoutMs: READ_MS_MAX }));
        } catch (error) {
          return `${book.key} cannot be read: ${(error as Error).message}`;
        }
      }),
    );
    return found.filter((problem) => problem !== undefined);
  }

  close(): void {
    this.isClosed = true;
    for (const client of [...this.clients, this.operator]) client.close();
  }
}

function report(work: Promise<unknown>, done: Done): void {
  work.then(
    () => done(),
    (error: Error) => done(error.message),
  );
}
