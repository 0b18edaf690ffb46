import { parseAddress } from '../../net/endpoints/addresses.ts';
import { runningClusters } from '../../supervisor/control/registry.ts';
import { EventReader, type EventRecord, eventLogFile } from '../../supervisor/eventLog.ts';
import { isLoopback } from './servers.ts';

/**
 * Tells of what is done to the servers at `addresses` by a supervisor of this user's on this machine, where one runs them. What it wrote
 * since is told when the function that is returned is called, and only then.
 */
export function followSupervisor(addresses: readonly string[], told: (event: EventRecord) => void): () => void {
  const directory = directoryOf(addresses);
  if (directory === undefined) return () => {};
  const reader = new EventReader(eventLogFile(directory));
  reader.read();
  return () => {
    for (const event of reader.read()) told(event);
    reader.close();
  };
}

function directoryOf(addresses: readonly string[]): string | undefined {
  const ports = new Set(addresses.filter(isLoopback).map(portOf));
  try {
    return runningClusters().find(({ servers }) => servers.some(({ address }) => ports.has(portOf(address))))
      ?.directory;
  } catch {
    // Without its list of clusters a user has no supervisor to ask.
    return undefined;
  }
}

function portOf(address: string): number | undefined {
  return parseAddress(address)?.port;
}
