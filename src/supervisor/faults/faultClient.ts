import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import type { ServerFault } from '../../faults/serverFault.ts';
import { openChannel, STATUS_CHANNEL_OPTIONS } from '../../net/endpoints/channels.ts';
import type { Security } from '../../net/endpoints/security.ts';
import { FaultRefusal, faultMessage } from '../../wire/faultCodec.ts';
import { AdminClient } from '../../wire/generated/admin.ts';
import { reasonOf } from '../../wire/reason.ts';

/** A server refuses the fault that was asked for; nothing has changed there. */
export class FaultRefusedError extends Error {
  override readonly name = 'FaultRefusedError';
}

const CALL_MS_MAX = 1000;

/** Tells one server of faults, on a connection that it dials with the first. */
export class FaultClient {
  private readonly id: number;
  readonly address: string;
  private readonly security: Security;
  private client: AdminClient | undefined;

  constructor(id: number, address: string, security: Security) {
    this.id = id;
    this.address = address;
    this.security = security;
  }

  /** False where the server does not answer. Throws FaultRefusedError. */
  set(id: string, fault: ServerFault, lastsMs: number): Promise<boolean> {
    const request = { id, fault: faultMessage(fault), lastsMs: Math.max(1, Math.round(lastsMs)) };
    return this.call((client, deadline, done) => client.setFault(request, new Metadata(), { deadline }, done));
  }

  /** As `set`. */
  heal(ids: readonly string[]): Promise<boolean> {
    return this.call((client, deadline, done) =>
      client.healFaults({ ids: [...ids] }, new Metadata(), { deadline }, done),
    );
  }

  private call(
    make: (client: AdminClient, deadline: number, done: (error: ServiceError | null) => void) => unknown,
  ): Promise<boolean> {
    this.client ??= openChannel(AdminClient, this.address, STATUS_CHANNEL_OPTIONS, this.security, this.id);
    const { client } = this;
    return new Promise((resolve, reject) => {
      make(client, Date.now() + CALL_MS_MAX, (error) => {
        const refusal = error === null ? undefined : this.refusalOf(error);
        if (refusal === undefined) resolve(error === null);
        else reject(new FaultRefusedError(refusal, { cause: error }));
      });
    });
  }

  /** Undefined where there was no answer. */
  private refusalOf(error: ServiceError): string | undefined {
    const { id } = this;
    if (error.code === status.UNIMPLEMENTED) {
      return `server ${id} does not know faults: it is older than this rkv-cluster, or another program`;
    }
    const reason = reasonOf(error);
    if (reason === FaultRefusal.Off) {
      return `server ${id} takes no faults: it was started without -faults (the cluster file's \`faults\`, and \`up --no-faults\`)`;
    }
    return reason === FaultRefusal.Invalid ? `server ${id} refuses the fault: ${error.details}` : undefined;
  }

  close(): void {
    this.client?.close();
  }
}
