import { parseAddress } from '../../net/endpoints/addresses.ts';
import { runningClusters } from '../../supervisor/control/registry.ts';
import type { RunningSupervisor } from '../../supervisor/control/stateFile.ts';
import { EventReader, type EventRecord, eventLogFile } from '../../supervisor/eventLog.ts';
import { isLoopback } from '../facts/listener.ts';

/** The supervisor of this user's on this machine that runs the servers at `addresses`; undefined where none does. */
export function supervisorOf(addresses: readonly string[]): RunningSupervisor | undefined {
  const ports = new Set(addresses.filter(isLoopback).map(portOf));
  try {
    return runningClusters().find(({ servers }) => servers.some(({ address }) => ports.has(portOf(address))));
  } catch {
    // Without a list of clusters there is nobody to ask.
    return undefined;
  }
}

/** Tells of what a supervisor wrote from now until the function that is returned is called, and only then. */
export function followSupervisor(
  supervisor: RunningSupervisor | undefined,
  told: (event: EventRecord) => void,
): () => void {
  if (supervisor === undefined) return () => {};
  const reader = new EventReader(eventLogFile(supervisor.directory));
  reader.read();
  return () => {
    for (const event of reader.read()) told(event);
    reader.close();
  };
}

function portOf(address: string): number | undefined {
  return parseAddress(address)?.port;
}
