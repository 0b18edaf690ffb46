import { credentials, Metadata } from '@grpc/grpc-js';
import { AdminClient, type StatusResponse } from '../wire/generated/admin.ts';

/** Asks one server for its status, over one connection for as long as it lives. */
export class StatusClient {
  readonly #client: AdminClient;

  constructor(address: string) {
    this.#client = new AdminClient(address, credentials.createInsecure(), {
      // A server that has just started is to be seen soon; all of them are on this machine.
      'grpc.initial_reconnect_backoff_ms': 50,
      'grpc.min_reconnect_backoff_ms': 50,
      'grpc.max_reconnect_backoff_ms': 500,
      'grpc.enable_http_proxy': 0,
    });
  }

  /** Undefined where the server does not answer within `timeoutMs`. */
  ask(timeoutMs: number): Promise<StatusResponse | undefined> {
    return new Promise((done) => {
      const deadline = Date.now() + timeoutMs;
      this.#client.status({}, new Metadata(), { deadline }, (error, response) =>
        done(error === null ? response : undefined),
      );
    });
  }

  close(): void {
    this.#client.close();
  }
}
