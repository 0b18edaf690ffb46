import { Metadata } from '@grpc/grpc-js';
import { openChannel, STATUS_CHANNEL_OPTIONS } from '../net/endpoints/channels.ts';
import type { Security } from '../net/endpoints/security.ts';
import { AdminClient, type StatusResponse } from '../wire/generated/admin.ts';

/** Asks one server for its status, over one connection for as long as it lives. */
export class StatusClient {
  private readonly client: AdminClient;

  /** `serverId`: of the server that has to be there, where that is known. */
  constructor(address: string, security: Security, serverId?: number) {
    this.client = openChannel(AdminClient, address, STATUS_CHANNEL_OPTIONS, security, serverId);
  }

  /** Undefined where the server does not answer within `timeoutMs`. */
  ask(timeoutMs: number): Promise<StatusResponse | undefined> {
    return new Promise((done) => {
      const deadline = Date.now() + timeoutMs;
      this.client.status({}, new Metadata(), { deadline }, (error, response) =>
        done(error === null ? response : undefined),
      );
    });
  }

  close(): void {
    this.client.close();
  }
}
