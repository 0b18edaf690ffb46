import type { NodeId } from '../consensus/contract.ts';
import type { Promised } from '../consensus/engineEntry.ts';
import { FAULT_MS_MAX } from '../faults/faultBook.ts';
import type { ServerFault } from '../faults/serverFault.ts';
import type { FaultyClients } from '../server/faults/faultyClients.ts';
import type { FaultyPeers } from '../server/faults/faultyPeers.ts';
import { ServerFaults } from '../server/faults/serverFaults.ts';
import type { Disk, PromisedArea } from '../server/storage/contract.ts';
import type { Line } from './peerDoor.ts';
import type { Random } from './random.ts';
import type { Surroundings } from './surroundings.ts';

/** An engine's message between two processes. */
export interface Packet {
  readonly line: Line;
  readonly bytes: Uint8Array;
  readonly promised: Promised | undefined;
  readonly mayOvertake: boolean;
}

/** The process whose faults they are. */
export interface FaultyProcess {
  readonly id: NodeId;
  readonly around: Surroundings;
  readonly random: Random;
  /** Runs it later, in this process. */
  after(delayUs: number, run: () => void): void;
  /** To the network. */
  transmit(to: NodeId, packet: Packet): void;
  /** From the network. */
  take(packet: Packet): void;
  note(what: string, detail: () => string): void;
}

/**
 * The faults on purpose of one process, as of `rkvd -faults`: the same objects at the same boundaries, in virtual time. What is wrong with
 * the world itself, its network and its disks, is below them.
 */
export class VirtualFaults {
  readonly peers: FaultyPeers<Packet>;
  readonly clients: FaultyClients;
  private readonly faults: ServerFaults;

  /** `told`: what it has from its start, by name. */
  constructor(process: FaultyProcess, told: ReadonlyMap<string, ServerFault>) {
    const { id, around, random } = process;
    const { timeline, plan } = around;
    const environment = {
      nowUs: () => timeline.nowUs,
      next: random.next,
      after: (delayUs: number, run: () => void) => {
        let isOff = false;
        process.after(Math.ceil(delayUs), () => {
          if (!isOff) run();
        });
        return () => {
          isOff = true;
        };
      },
    };
    const log = { warn: (facts: object, text: string) => process.note(text, () => JSON.stringify(facts)) };
    const fromStart = [...told].map(([name, fault]) => ({ id: name, fault, lastsMs: FAULT_MS_MAX }));
    this.faults = new ServerFaults(id, plan.serverCount, log, environment, fromStart);
    this.peers = this.faults.between<Packet>({
      sizeOf: ({ bytes }) => bytes.length,
      mayOvertake: ({ mayOvertake }) => mayOvertake,
      send: (envelopes) => {
        for (const { to, message } of envelopes) process.transmit(to, message);
      },
      receive: (_from, packet) => {
        process.take(packet);
        return undefined;
      },
    });
    // Nobody counts what these calls hold.
    this.clients = this.faults.beforeClients(() => {});
  }

  /** What the process goes by for the time. */
  get nowMs(): number {
    return this.faults.clockMs.now;
  }

  /** Until it is healed, or a run is over. */
  set(name: string, fault: ServerFault): void {
    this.faults.set(name, fault, FAULT_MS_MAX);
  }

  heal(name: string): void {
    this.faults.heal([name]);
  }

  isApartFrom(peer: NodeId): boolean {
    return this.faults.isApartFrom(peer);
  }

  disk(disk: Disk): Disk {
    return this.faults.disk(disk);
  }

  area(area: PromisedArea): PromisedArea {
    return this.faults.area(area);
  }
}
