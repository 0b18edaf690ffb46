import { printable } from '../../cli/printable.ts';
import { renderTable } from '../../cli/table.ts';
import type { Terminal } from '../../cli/terminal.ts';
import type { ConnectedClient } from '../../wire/generated/admin.ts';
import { CLIENTS_NAMED, CLIENTS_NAMED_MAX } from '../../wire/limits.ts';
import type { ClientsReport, RkvClient } from '../rkvClient.ts';

const HEAD = [
  'server',
  'address',
  'role',
  'name',
  'connections',
  'sessions',
  'pending',
  'held bytes',
  'refused',
] as const;
/** The first columns, which are text but for the server's id. */
const LEFT = new Set<string>(['address', 'role', 'name']);

/** Who is connected to each server, as a table or as JSON. Answers the exit code, 1 where no server tells. */
export async function printClients(client: RkvClient, isJson: boolean, terminal: Terminal): Promise<number> {
  const reports = await client.connectedClients(isJson ? CLIENTS_NAMED_MAX : CLIENTS_NAMED);
  const telling = reports.filter((report) => 'told' in report);
  if (isJson) terminal.json(telling.map(asJson), 2);
  else if (telling.length > 0) {
    const rows = telling.flatMap(({ told: { id, clients, others, othersCount } }) => [
      // A server may name as many as it likes.
      ...clients.slice(0, CLIENTS_NAMED).map((each) => row(id, each)),
      ...(othersCount > 0 || (others?.refusals ?? 0) > 0
        ? [row(id, { ...others!, address: `${othersCount} others` })]
        : []),
    ]);
    terminal.out(
      renderTable(
        HEAD,
        rows,
        HEAD.map((name) => (LEFT.has(name) ? 'left' : 'right')),
      ),
    );
  }
  for (const report of reports) {
    if (!('error' in report)) continue;
    const { message } = report.error;
    terminal.err(printable(message.startsWith(report.address) ? message : `${report.address}: ${message}`));
  }
  return telling.length === 0 ? 1 : 0;
}

function row(id: number, client: ConnectedClient): string[] {
  const { address, role, name, connections, sessions, pending, heldBytes, refusals } = client;
  const words = [address, role || '-', name || '-'];
  return [String(id), ...words, ...[connections, sessions, pending, heldBytes, refusals].map(String)];
}

function asJson({
  address,
  told: { id, clients, others, othersCount },
}: Extract<ClientsReport, { readonly told: object }>) {
  const { address: _none, role: _role, name: _name, ...figures } = others!;
  return { server: id, address, clients, others: { count: othersCount, ...figures } };
}
