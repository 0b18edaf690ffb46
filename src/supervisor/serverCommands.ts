import type { Command } from 'commander';
import { printable } from '../cli/printable.ts';
import type { CommandOutput } from '../cli/terminal.ts';
import { UsageError } from '../goflags/goFlags.ts';
import { LOOK_MS } from '../net/endpoints/keptCredentials.ts';
import { OPEN_ADDRESS } from './clusterPlan.ts';
import {
  idsAndCluster,
  parseId,
  parseServerAddress,
  parseSignal,
  type WhichOptions,
  whichOptions,
} from './commandArguments.ts';
import type { ControlRequest } from './control/protocol.ts';
import { runningClusters } from './control/registry.ts';
import { EventReader, eventLogFile } from './eventLog.ts';
import { type ClusterChoice, findRunning, readClusterFile } from './findCluster.ts';

/** Longest a change of the membership is waited for: all entries may have to be sent, and servers started again, ms. */
const CHANGE_MS_MAX = 15 * 60_000;
const TELL_MS = 200;

export type OnRunning = (command: Command) => Command;
export type Ask = (choice: ClusterChoice, request: ControlRequest, timeoutMs?: number) => Promise<unknown>;

/** Adds what is done with single servers of a running cluster. */
export function addServerCommands(program: Command, onRunning: OnRunning, ask: Ask, terminal: CommandOutput): void {
  const onServer = (name: string, description: string): Command =>
    onRunning(program.command(name).description(description).argument('<id>', 'id of the server', parseId));

  onServer('kill', 'send a server a signal: SIGKILL is a crash, after which it restarts')
    .option('--signal <signal>', 'the signal to send', parseSignal, 'SIGKILL')
    .option('--no-restart', 'leave it down')
    .action(async (id: number, cluster: string | undefined, options: KillOptions) => {
      const { signal, restart } = options;
      await ask({ cluster, ...options }, { command: 'kill', id, signal, restart });
    });
  const plain = {
    stop: ['stop a server, which hands leadership over first, and leave it stopped until `start`', 'stopped'],
    start: ['start a server that is down, from its data', 'started'],
    restart: [
      'stop a server, which hands leadership over first, and start it from its data; starts one that is down',
      '',
    ],
    pause: ['stop a server where it stands (SIGSTOP)', ''],
    resume: ['let a paused server run on (SIGCONT)', ''],
  } as const;
  for (const command of ['stop', 'start', 'restart', 'pause', 'resume'] as const) {
    const [description, done] = plain[command];
    onServer(command, description).action(async (id: number, cluster: string | undefined, options: WhichOptions) => {
      await ask({ cluster, ...options }, { command, id });
      if (done !== '') terminal.out(`server ${id} ${done}`);
    });
  }
  onServer(
    'rejoin',
    'bring back a server whose data are lost or refused: starts it once with -rejoin, which moves them aside, and waits until it takes part',
  )
    .option(
      '--survivor <id>',
      'in a cluster of two: the other server, which has all that was acknowledged; it is restarted first',
      parseId,
    )
    .action(async (id: number, cluster: string | undefined, options: WhichOptions & { survivor?: number }) => {
      const { survivor } = options;
      await ask({ cluster, ...options }, { command: 'rejoin', id, ...(survivor === undefined ? {} : { survivor }) });
    });

  onRunning(
    program
      .command('revoke')
      .description(
        'revoke a certificate that the cluster has made, and make another one for a new key: servers let nobody in any more who has the old one',
      )
      .argument('<holder>', 'whose: client, operator or server-ID'),
  ).action(async (holder: string, cluster: string | undefined, options: WhichOptions) => {
    await ask({ cluster, ...options }, { command: 'revoke', holder });
    terminal.out(
      printable(`${holder}: revoked, and there is a new certificate; servers have the list within ${LOOK_MS / 1000} s`),
    );
  });

  onServer(
    'add',
    'run one more server, or one that was removed, and make it a member; goes on where an earlier try ended',
  )
    .option(
      '--address <address>',
      "where it is to be reached, such as :9204; without it what the cluster's file says, or else a free port is chosen and kept",
      parseServerAddress,
    )
    .action(async (id: number, cluster: string | undefined, options: WhichOptions & { address?: string }) => {
      const choice = { cluster, ...options };
      const address = options.address ?? addressInFile(choice, id);
      const request = { command: 'add' as const, id, ...(address === undefined ? {} : { address }) };
      await telling(choice, terminal, () => ask(choice, request, CHANGE_MS_MAX));
      terminal.out(`server ${id} added`);
    });
  onServer('remove', 'make a server a member no more, and stop it; goes on where an earlier try ended').action(
    async (id: number, cluster: string | undefined, options: WhichOptions) => {
      const choice = { cluster, ...options };
      await telling(choice, terminal, () => ask(choice, { command: 'remove', id }, CHANGE_MS_MAX));
      terminal.out(`server ${id} removed`);
    },
  );
  whichOptions(
    program
      .command('transfer')
      .description('hand leadership over to a server, or without an id to the most up-to-date one')
      .argument('[id and cluster...]', 'its id; then the cluster file or the name, where more than one cluster runs'),
  ).action(async (words: readonly string[], options: WhichOptions) => {
    const { ids, cluster } = idsAndCluster(words);
    if (ids.length > 1) throw new UsageError('leadership goes to one server: expected one id');
    const request = { command: 'transfer' as const, id: ids[0] };
    terminal.out(`server ${await ask({ cluster, ...options }, request)} leads`);
  });
}

/** Says on stderr what happens to the cluster until `work` is done: it may take a while. */
async function telling(choice: ClusterChoice, { err }: CommandOutput, work: () => Promise<unknown>): Promise<void> {
  const events = new EventReader(eventLogFile(findRunning(choice).directory));
  events.read();
  const tell = (): void => {
    for (const { text } of events.read()) err(text);
  };
  const timer = setInterval(tell, TELL_MS);
  try {
    await work();
  } finally {
    clearInterval(timer);
    tell();
    events.close();
  }
}

interface KillOptions extends WhichOptions {
  readonly signal: NodeJS.Signals;
  readonly restart: boolean;
}

/** What the file that the cluster was started from says by now of that server. */
function addressInFile(choice: ClusterChoice, id: number): string | undefined {
  const { directory } = findRunning(choice);
  const file = runningClusters().find((each) => each.directory === directory)?.file;
  if (file == null) return undefined;
  try {
    const address = readClusterFile(file).servers[id - 1]?.address;
    return address === OPEN_ADDRESS ? undefined : address;
  } catch {
    // It need not be there any more, nor be right.
    return undefined;
  }
}
