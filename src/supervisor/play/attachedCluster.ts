import type { RequestedFault } from '../../faults/requests/faultRequest.ts';
import { clientSecurity } from '../../net/endpoints/clientSecurity.ts';
import type { CredentialFiles } from '../../net/endpoints/credentials.ts';
import type { Security } from '../../net/endpoints/security.ts';
import type { ServerSample } from '../../scenarios/samples.ts';
import type { FaultListener } from '../../scenarios/stepPlayer.ts';
import { askSupervisor } from '../control/client.ts';
import type { ControlRequest } from '../control/protocol.ts';
import { controlPath, type RunningSupervisor } from '../control/stateFile.ts';
import type { FaultReport } from '../faults/clusterFaults.ts';
import type { ClusterStatus } from '../up.ts';
import type { PlayedCluster } from './playedCluster.ts';

/** A server that is stopped hands leadership over before, which takes some time. */
const ANSWER_MS_MAX = 60_000;

type Attachable = Pick<RunningSupervisor, 'directory' | 'servers'>;

/** A cluster that another process supervises. What is broken there by somebody else stays broken. */
export class AttachedCluster implements PlayedCluster {
  readonly ids: readonly number[];
  readonly addresses: readonly string[];
  readonly security: Security;
  /** The files that this is made of; undefined where nobody has to show any. */
  readonly credentials: CredentialFiles | undefined;
  private readonly path: string;
  /** Of faults that are in force. */
  private readonly open = new Map<number, FaultListener>();

  private constructor({ directory, servers }: Attachable, credentials: CredentialFiles | undefined) {
    this.path = controlPath(directory);
    this.credentials = credentials;
    this.security = clientSecurity(credentials);
    this.ids = servers.map(({ id }) => id);
    this.addresses = servers.map(({ address }) => address);
  }

  /** Throws ControlError where its supervisor does not answer, CertificateError. */
  static async open(supervisor: Attachable): Promise<AttachedCluster> {
    const path = controlPath(supervisor.directory);
    const { tls } = (await askSupervisor(path, { command: 'status' }, ANSWER_MS_MAX)) as ClusterStatus;
    return new AttachedCluster(supervisor, tls ?? undefined);
  }

  private ask(request: ControlRequest): Promise<unknown> {
    return askSupervisor(this.path, request, ANSWER_MS_MAX);
  }

  async status(): Promise<readonly ServerSample[]> {
    const { servers } = (await this.ask({ command: 'status' })) as ClusterStatus;
    return servers;
  }

  beginFault(what: RequestedFault, forMs: number | undefined, listener: FaultListener): void {
    this.ask({ command: 'fault', fault: { what, forMs } }).then(
      (answer) => {
        const report = answer as FaultReport | null | undefined;
        listener.began();
        if (report == null) return;
        this.open.set(report.id, listener);
        if (forMs !== undefined) setTimeout(() => this.over(report.id), forMs);
      },
      (error: Error) => listener.failed(error.message),
    );
  }

  private over(id: number): void {
    this.open.get(id)?.over();
    this.open.delete(id);
  }

  /** Those that this play has brought about. */
  async heal(): Promise<void> {
    const ids = [...this.open.keys()];
    if (ids.length === 0) return;
    // Some may be over: healed by somebody else, or the servers that they ended were started.
    const { faults } = (await this.ask({ command: 'status' })) as ClusterStatus;
    const left = ids.filter((id) => faults.some((fault) => fault.id === id));
    if (left.length > 0) await this.ask({ command: 'heal', ids: left });
    for (const id of ids) this.over(id);
  }

  async stopServer(id: number): Promise<void> {
    await this.ask({ command: 'stop', id });
  }

  async startServer(id: number): Promise<void> {
    await this.ask({ command: 'start', id });
  }
}
