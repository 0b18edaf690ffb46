import type { Server } from 'node:http';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { printable } from '../../cli/printable.ts';
import type { Security } from '../../net/endpoints/security.ts';
import type { CallerFigures, CallersReport } from '../admission/callers.ts';
import { HdrSummary } from './summary.ts';

const CALLER_LABELS = ['address', 'role', 'name'] as const;
type CallerLabel = (typeof CALLER_LABELS)[number];
/** In the place of an address. */
const OTHERS = 'others';

/** The metrics of a server under the original's names, in seconds where they are times. */
export class ServerMetrics {
  readonly registry = new Registry();
  readonly leader = this.gauge('leader', 'Id of the leader this server knows of, 0 for none');
  readonly commitIndex = this.gauge('commit_index', 'Commit index');
  readonly readRequests = this.counter('read_requests', 'Lookups received');
  readonly writeRequests = this.counter('write_requests', 'Registers and inserts received');
  readonly reads = this.counter('reads', 'Lookups answered');
  readonly writes = this.counter('writes', 'Registers and inserts applied and acknowledged');
  readonly catchups = this.counter('catchups', 'Catch-up requests seen');
  readonly refusedMessages = this.counter(
    'refused_messages',
    "Peers' messages left out: malformed, of a term too far ahead, or against what is committed here",
  );
  readonly connections = this.gauge('connections', 'Open connections of clients and peers');
  readonly connectionsUnused = this.gauge('connections_unused', 'Open connections on which nothing was asked yet');
  readonly sessions = this.gauge('sessions', 'Sessions that are kept');
  readonly sessionNumbers = this.gauge(
    'session_numbers',
    'Numbers of all sessions that are remembered ahead of their turn, of 4096 that lie together 64 at most',
  );
  readonly pendingCommands = this.gauge('pending_commands', 'Commands and lookups that are not answered yet');
  readonly pendingBytes = this.gauge('pending_bytes', 'Bytes of these');
  readonly commandsRefused = this.gauge(
    'commands_refused',
    'Commands and lookups refused since the start for how much there was',
  );
  readonly requestsTooLarge = this.counter(
    'requests_too_large',
    'Requests refused for the size of a message or of their headers',
  );
  readonly clientMemory = this.gauge('client_memory_bytes', 'Bytes that clients make the server hold, as last counted');
  readonly connectionsRefused = this.counter(
    'connections_refused',
    'Connections refused: as many as allowed were open',
  );
  readonly connectionsClosed = this.counter('connections_closed', 'Connections closed for what they did or did not do');
  readonly callsEnded = this.counter('calls_ended', 'Calls ended for what they made the server hold');
  readonly diskFreeBytes = this.gauge('disk_free_bytes', 'Bytes that the disk under the data has left');
  readonly diskSetAsideBytes = this.gauge(
    'disk_set_aside_bytes',
    'With fewer bytes than these left, a leader takes no commands; 0: none are set aside',
  );
  readonly originals = this.gauge('originals', "The original's servers among the others: above 0 the cluster is mixed");
  readonly originalsOutOfReach = this.gauge(
    'originals_out_of_reach',
    "Of a leader: the original's servers that lack entries its log does not hold any more",
  );
  readonly handleAppendEntriesRequest = this.summary('handle_append_entries_request');
  readonly handleAppendEntriesResponse = this.summary('handle_append_entries_response');
  readonly handleRequestVoteRequest = this.summary('handle_request_vote_request');
  readonly handleRequestVoteResponse = this.summary('handle_request_vote_response');
  readonly commitClientCommand = this.summary('commit_client_command');
  readonly ioRead = this.summary('io_read');
  readonly ioWrite = this.summary('io_write');

  readonly clients = this.gauge(
    'clients',
    'Clients and servers that are connected, or were refused, as far as they are told apart by address and certificate',
  );
  private readonly callerGauges: Readonly<Record<keyof CallerFigures, Gauge<CallerLabel>>> = {
    connections: this.byCaller('connections', 'Open connections'),
    sessions: this.byCaller('sessions', 'Open session streams'),
    pending: this.byCaller('pending', 'Commands and lookups without an answer on session streams'),
    heldBytes: this.byCaller('held_bytes', 'Bytes of requests and answers in connections'),
    refusals: this.byCaller('refusals', 'Connections, calls and requests refused, or ended for what they did'),
  };
  private certificateSecondsLeft: Gauge | undefined;

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  /** Of servers with TLS: the others have no such metric. */
  setCertificateSecondsLeft(seconds: number): void {
    this.certificateSecondsLeft ??= this.gauge(
      'certificate_expiry_seconds',
      'Seconds until the certificate of this server expires, negative once it has',
    );
    this.certificateSecondsLeft.set(seconds);
  }

  /** The labels are those of the callers that take most, and change with them. */
  setCallers({ callers, others, othersCount }: CallersReport): void {
    this.clients.set(callers.length + othersCount);
    for (const figure of Object.keys(this.callerGauges) as (keyof CallerFigures)[]) {
      const gauge = this.callerGauges[figure];
      gauge.reset();
      for (const { address, role, name, [figure]: value } of callers) {
        gauge.set({ address, role, name: printable(name) }, value);
      }
      gauge.set({ address: OTHERS, role: '', name: '' }, others[figure]);
    }
  }

  private byCaller(name: string, of: string): Gauge<CallerLabel> {
    const help = `${of}, of the clients and servers that take most, and of all others together`;
    return new Gauge({
      name: `raft_server_by_client_${name}`,
      help,
      labelNames: CALLER_LABELS,
      registers: [this.registry],
    });
  }

  private gauge(name: string, help: string): Gauge {
    return new Gauge({ name: `raft_server_${name}`, help, registers: [this.registry] });
  }

  private counter(name: string, help: string): Counter {
    return new Counter({ name: `raft_server_${name}`, help, registers: [this.registry] });
  }

  private summary(name: string): HdrSummary {
    const help = `Time of ${name.replaceAll('_', ' ')}, seconds`;
    return new HdrSummary(this.registry, `raft_server_${name}`, help, () => performance.now());
  }
}

/** Connections of scrapers at once: each takes a descriptor. */
const SCRAPERS_MAX = 8;

/** Serves `/metrics` on the loopback interface; `refresh` runs before each answer. Rejects where the port cannot be had. */
export function serveMetrics(
  registry: Registry,
  security: Security,
  port: number,
  refresh: () => void,
): Promise<Server> {
  const server = security.newHttpServer((request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404).end('see /metrics\n');
      return;
    }
    refresh();
    registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      (error: Error) => response.writeHead(500).end(`${error.message}\n`),
    );
  });
  server.maxConnections = SCRAPERS_MAX;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.unref();
      resolve(server);
    });
  });
}
