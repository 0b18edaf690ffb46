/** Where a server's metrics are unless -metricsport says otherwise: port 590<id>, 5901 for server 1, 59010 for server 10. */
export function defaultMetricsPort(id: number): number {
  return Number(`590${id}`);
}
