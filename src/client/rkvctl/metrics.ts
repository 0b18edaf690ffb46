import { createServer, type Server } from 'node:http';
import type { Histogram } from 'hdr-histogram-js';
import type { LatencyRecorder } from '../load/latencyRecorder.ts';
import type { LoadSink } from '../load/loadGenerator.ts';

export const METRICS_PORT = 59_100;
const QUANTILES = [0.5, 0.9, 0.99, 0.999];

/** Counts requests as they are issued, and sums latencies, for Prometheus under the original's names. */
export class ClientMetrics implements LoadSink {
  private readonly recorder: LatencyRecorder;
  private readRequests = 0;
  private writeRequests = 0;
  private reads = 0;
  private writes = 0;
  private readMs = 0;
  private writeMs = 0;

  /** Quantiles come from the recorder's finished seconds. */
  constructor(recorder: LatencyRecorder) {
    this.recorder = recorder;
  }

  issued(_slot: number, read: boolean): void {
    if (read) this.readRequests++;
    else this.writeRequests++;
  }

  completed(read: boolean, fromMs: number, endMs: number): void {
    if (read) {
      this.reads++;
      this.readMs += endMs - fromMs;
    } else {
      this.writes++;
      this.writeMs += endMs - fromMs;
    }
  }

  failed(): void {}

  dropped(): void {}

  /** In Prometheus' text format, times in seconds. */
  text(): string {
    const { recorder } = this;
    return [
      counter('read_requests', 'Lookups sent', this.readRequests),
      counter('write_requests', 'Inserts sent', this.writeRequests),
      counter('reads', 'Lookups answered', this.reads),
      counter('writes', 'Inserts acknowledged', this.writes),
      summary('read_latency', 'Time of a lookup, seconds', recorder.reads, this.reads, this.readMs),
      summary('write_latency', 'Time of an insert, seconds', recorder.writes, this.writes, this.writeMs),
    ].join('');
  }
}

function counter(name: string, help: string, value: number): string {
  return `# HELP raft_client_${name} ${help}\n# TYPE raft_client_${name} counter\nraft_client_${name} ${value}\n`;
}

function summary(name: string, help: string, histogram: Histogram, count: number, sumMs: number): string {
  const full = `raft_client_${name}`;
  const at = (quantile: number) =>
    histogram.totalCount === 0 ? 'NaN' : String(histogram.getValueAtPercentile(quantile * 100) / 1e6);
  const quantiles = QUANTILES.map((quantile) => `${full}{quantile="${quantile}"} ${at(quantile)}\n`).join('');
  return `# HELP ${full} ${help}\n# TYPE ${full} summary\n${quantiles}${full}_sum ${sumMs / 1000}\n${full}_count ${count}\n`;
}

/** Serves `/metrics` on the loopback interface and does not keep the process alive. Rejects where the port cannot be had. */
export function serveMetrics(text: () => string, port: number): Promise<Server> {
  const server = createServer((request, response) => {
    if (request.url === '/metrics') {
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text());
    } else response.writeHead(404).end('see /metrics\n');
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.unref();
      resolve(server);
    });
  });
}
