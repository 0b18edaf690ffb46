import type { Terminal } from '../../cli/terminal.ts';
import type { PendingChange } from '../../wire/generated/admin.ts';
import { RequestTimeoutError } from '../errors.ts';
import { isOlder, type RkvClient } from '../rkvClient.ts';
import { shown } from './counts.ts';

/** How often the leader is asked what it waits for. */
const WATCH_INTERVAL_MS = 500;

export interface MembershipRequest {
  readonly change: 'add' | 'remove';
  readonly serverId: number;
}

/** Changes the membership, and tells on stderr what the leader waits for meanwhile. */
export async function reconfigure(
  client: RkvClient,
  { change, serverId }: MembershipRequest,
  ensure: boolean,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const request = { change, serverId, waitForLeadership: ensure };
  if (ensure && change === 'remove') await warnOfOriginals(client, terminal);
  const watch = new ChangeWatch(client, serverId, terminal);
  try {
    await client.reconfigure(request, ensure ? { signal, timeoutMs: Number.POSITIVE_INFINITY } : { signal });
  } catch (error) {
    if (error instanceof RequestTimeoutError && watch.isPending) {
      terminal.err('the leader goes on with it: see `rkvctl status`');
    }
    throw error;
  } finally {
    watch.stop();
  }
  terminal.out(`server ${serverId} ${change === 'add' ? 'added' : 'removed'}`);
  return 0;
}

/** A leader of the original does one thing more than it was asked to, where it was to wait until it leads. */
async function warnOfOriginals(client: RkvClient, terminal: Terminal): Promise<void> {
  const older = (await client.statuses()).filter(isOlder).map(({ address }) => address);
  if (older.length === 0) return;
  terminal.err(
    `${older.join(', ')}: the original's servers add server 4 by themselves after a removal with -ensure; without it they do not`,
  );
}

/** Asks the leader from time to time what a change waits for, and prints it where that is news. */
class ChangeWatch {
  private readonly client: RkvClient;
  private readonly serverId: number;
  private readonly terminal: Terminal;
  private readonly timer: NodeJS.Timeout;
  private isAsking = false;
  private isStopped = false;
  private printed = '';

  constructor(client: RkvClient, serverId: number, terminal: Terminal) {
    this.client = client;
    this.serverId = serverId;
    this.terminal = terminal;
    this.timer = setInterval(() => void this.look(), WATCH_INTERVAL_MS);
  }

  /** When last looked, the leader had not decided about the change. */
  isPending = false;

  stop(): void {
    this.isStopped = true;
    clearInterval(this.timer);
  }

  private async look(): Promise<void> {
    if (this.isAsking) return;
    this.isAsking = true;
    const leader = await this.client.leader({ timeoutMs: WATCH_INTERVAL_MS });
    this.isAsking = false;
    const pending = leader?.status.pendingChange;
    this.isPending = pending?.id === this.serverId;
    if (this.isStopped || pending === undefined || !this.isPending) return;
    const text = waitingText(pending);
    if (text !== this.printed && text !== '') this.terminal.err(text);
    this.printed = text;
  }
}

/** What a change waits for, for people; empty where there is nothing to tell. */
export function waitingText({ silent, behind }: PendingChange): string {
  const texts = silent.map((id) => `server ${id} does not answer`);
  for (const { id, heldIndex, goalIndex } of behind) {
    const [held, goal] = [heldIndex, goalIndex].map((index) => shown(index));
    texts.push(`waiting for server ${id}: ${held} of ${goal} entries`);
  }
  return texts.join(', ');
}
