import { type Command, InvalidArgumentError } from 'commander';
import type { CommandOutput } from '../../cli/terminal.ts';
import { delayShape, parseBytes, parseShare } from '../../faults/requests/amounts.ts';
import type { RequestedFault } from '../../faults/requests/faultRequest.ts';
import { parseGroups, parseTargets, TARGETS_EXPECTED } from '../../faults/requests/targets.ts';
import { waysOf } from '../../faults/requests/ways.ts';
import type { LinkTrouble } from '../../faults/serverFault.ts';
import { UsageError } from '../../goflags/goFlags.ts';
import { idsAndCluster, parseDuration, parseSignal, type WhichOptions, whichOptions } from '../commandArguments.ts';
import type { ClusterChoice } from '../findCluster.ts';
import type { Ask, OnRunning } from '../serverCommands.ts';
import { renderFaults } from '../statusTable.ts';
import type { ClusterStatus } from '../up.ts';
import type { FaultReport } from './clusterFaults.ts';

interface TimedOptions extends WhichOptions {
  readonly for?: number;
}

/** With nothing behind it the option is true. */
interface LinkOptions extends TimedOptions {
  readonly clients?: true;
  readonly to?: string | true;
  readonly from?: string | true;
}

/** `fault …`: breaks what is named, for a time, and undoes it. */
export function addFaultCommands(program: Command, onRunning: OnRunning, ask: Ask, terminal: CommandOutput): void {
  const fault = program
    .command('fault')
    .description(
      'break servers, links, disks and clocks on purpose, for a time; it is undone when the cluster stops, too',
    )
    .addHelpText('after', EXAMPLES);
  const begin = async (choice: ClusterChoice & TimedOptions, what: RequestedFault): Promise<void> => {
    const request = { command: 'fault' as const, fault: { what, forMs: choice.for } };
    const report = (await ask(choice, request)) as FaultReport | null | undefined;
    if (report != null) terminal.out(renderFaults([report], Date.parse(report.startedAt)).join('\n'));
  };
  const onTargets = (name: string, description: string): Command =>
    onRunning(timed(fault.command(name).description(description).argument('<target>', TARGETS_EXPECTED, parseTarget)));

  onTargets('kill', 'end it without a word: it starts again as after any crash, or with --for after that time')
    .option('--signal <signal>', 'the signal to send', parseSignal, 'SIGKILL')
    .option('--no-restart', 'leave it down, until it is healed or started')
    .action((targets: string, cluster: string | undefined, options: KillOptions) => {
      const { signal, restart } = options;
      return begin({ ...options, cluster }, { kind: 'kill', targets, signal, restart });
    });
  onTargets('pause', 'stop it where it stands (SIGSTOP)').action(
    (targets: string, cluster: string | undefined, options: TimedOptions) =>
      begin({ ...options, cluster }, { kind: 'pause', targets }),
  );

  onLinks(
    'partition',
    'keep it, or them together, apart from the others; or groups such as 1,2/3 from each other',
    CUT,
  );
  onLinks('delay', 'let messages on its links take longer', delayOf)
    .requiredOption(
      '--by <duration>',
      'how much longer, such as 50ms; the mean with --jitter, the least with --heavy-tail',
      parseDuration,
    )
    .option('--jitter <duration>', 'normally distributed, with this deviation', parseDuration)
    .option('--heavy-tail', 'mostly little longer, and seldom many times as long');
  onLinks('loss', 'lose messages on its links, each whole', ({ chance }) => ({
    kind: 'loss',
    chance: chance!,
  })).requiredOption('--chance <share>', 'of how many, such as 10% or 0.1', shareOf);
  onLinks('bandwidth', 'let no more than so much through each of its links, in each direction', ({ limit }) => ({
    kind: 'bandwidth',
    bytesPerSecond: limit!,
  })).requiredOption('--limit <bytes>', 'a second, such as 100kB or 1MB', bytesOf);

  onTargets('slow-disk', 'let each sync of its disk take longer')
    .requiredOption('--by <duration>', 'how much longer, such as 20ms', parseDuration)
    .action((targets: string, cluster: string | undefined, options: TimedOptions & { by: number }) =>
      begin({ ...options, cluster }, { kind: 'slow-disk', targets, syncAddedUs: options.by * 1000 }),
    );
  for (const [kind, description] of [
    ['stalled-disk', 'let no sync of its disk return'],
    ['full-disk', 'let writes to its disk fail: there is no room left'],
  ] as const) {
    onTargets(kind, description).action((targets: string, cluster: string | undefined, options: TimedOptions) =>
      begin({ ...options, cluster }, { kind, targets }),
    );
  }
  onTargets('clock', 'let its clock run fast or slow')
    .requiredOption('--rate <times>', 'how many seconds it goes in one, such as 2 or 0.5', parseRate)
    .action((targets: string, cluster: string | undefined, options: TimedOptions & { rate: number }) =>
      begin({ ...options, cluster }, { kind: 'clock', targets, rate: options.rate }),
    );

  onRunning(fault.command('list').description('print the faults that are in force'))
    .option('--json', 'print JSON')
    .action(async (cluster: string | undefined, options: WhichOptions & { json?: true }) => {
      const { faults } = (await ask({ cluster, ...options }, { command: 'status' })) as ClusterStatus;
      if (options.json === true) terminal.json(faults, 2);
      else terminal.out(faults.length === 0 ? 'no faults' : renderFaults(faults, Date.now()).join('\n'));
    });
  whichOptions(
    fault
      .command('heal')
      .description('undo faults, or all of them')
      .argument(
        '[ids and cluster...]',
        'their numbers, as `fault list` has them; then the cluster file or the name, where more than one cluster runs',
      ),
  ).action(async (words: readonly string[], options: WhichOptions) => {
    const { ids, cluster } = idsAndCluster(words);
    const request = { command: 'heal' as const, ...(ids.length === 0 ? {} : { ids }) };
    const healed = (await ask({ cluster, ...options }, request)) as readonly FaultReport[];
    terminal.out(
      healed.length === 0 ? 'no faults' : healed.map(({ id, what }) => `healed fault ${id}: ${what}`).join('\n'),
    );
  });

  function onLinks(kind: string, description: string, troubleOf: (options: AmountOptions) => LinkTrouble): Command {
    const command = fault
      .command(kind)
      .description(description)
      .argument('[target]', kind === 'partition' ? `${TARGETS_EXPECTED}, or groups such as 1,2/3` : TARGETS_EXPECTED);
    return onRunning(timed(command))
      .option('--to [peers]', 'only what it sends, to these; without ids: to all others')
      .option('--from [peers]', 'only what it gets, from these; without ids: from all others')
      .option('--clients', 'on its links to clients, not to servers')
      .action((target: string | undefined, cluster: string | undefined, options: LinkOptions & AmountOptions) => {
        const { what, cluster: named } = linkFault(target, cluster, options, troubleOf(options));
        return begin({ ...options, cluster: named }, what);
      });
  }
}

interface KillOptions extends TimedOptions {
  readonly signal: NodeJS.Signals;
  readonly restart: boolean;
}

interface AmountOptions {
  readonly by?: number;
  readonly jitter?: number;
  readonly heavyTail?: true;
  readonly chance?: number;
  readonly limit?: number;
}

const CUT = (): LinkTrouble => ({ kind: 'cut' });

function delayOf({ by, jitter, heavyTail }: AmountOptions): LinkTrouble {
  if (heavyTail === true && jitter !== undefined) throw new UsageError('expected --jitter or --heavy-tail, not both');
  return { kind: 'delay', shape: delayShape(by!, jitter, heavyTail === true) };
}

function timed(command: Command): Command {
  return command.option('--for <duration>', 'how long, such as 5s; without it until it is healed', parseDuration);
}

/**
 * What was meant by a target, a file and two options that may go without a value: `--from FILE` names the file, and
 * `--from 1 --to 2` needs no target.
 */
function linkFault(
  target: string | undefined,
  word: string | undefined,
  { to, from, clients }: LinkOptions,
  trouble: LinkTrouble,
): { readonly what: RequestedFault; readonly cluster: string | undefined } {
  const words = [target, word].filter((each) => each !== undefined);
  const peersOf = (option: string | true | undefined): string | true | undefined => {
    if (typeof option !== 'string' || parseTargets(option) !== undefined) return option;
    words.push(option);
    return true;
  };
  const [toPeers, fromPeers] = [peersOf(to), peersOf(from)];
  const isTarget = (word: string | undefined) =>
    word !== undefined &&
    (parseTargets(word) ?? (trouble.kind === 'cut' ? parseGroups(word) : undefined)) !== undefined;
  const named = isTarget(words[0]) ? words.shift() : undefined;
  if (words.length > 1) throw new UsageError(`expected ${TARGETS_EXPECTED}, not ${JSON.stringify(words[0])}`);
  const [cluster] = words;
  const ways = waysOf(toPeers, fromPeers);
  if (clients) {
    if (named === undefined || parseTargets(named) === undefined)
      throw new UsageError(`expected a target: ${TARGETS_EXPECTED}`);
    if (typeof toPeers === 'string' || typeof fromPeers === 'string') {
      throw new UsageError('with --clients, --to and --from are a direction, without servers');
    }
    return { what: { kind: 'client-link', targets: named, ...ways, trouble }, cluster };
  }
  const groups = named === undefined ? undefined : parseGroups(named);
  if (groups !== undefined) {
    if (to !== undefined || from !== undefined)
      throw new UsageError('groups are apart both ways: --to and --from are for a target');
    return { what: { kind: 'groups', groups: groups.map((group) => [...group]) }, cluster };
  }
  if (named === undefined) {
    if (typeof toPeers !== 'string' || typeof fromPeers !== 'string') {
      const hint = cluster === undefined ? '' : `, not ${JSON.stringify(cluster)}`;
      throw new UsageError(`expected a target: ${TARGETS_EXPECTED}${hint}`);
    }
    return {
      what: { kind: 'link', targets: fromPeers, peers: toPeers, to: true, from: false, trouble },
      cluster,
    };
  }
  if (typeof toPeers === 'string' && typeof fromPeers === 'string' && toPeers !== fromPeers) {
    throw new UsageError('expected the same servers with --to and --from, or a fault for each');
  }
  const peers = [toPeers, fromPeers].find((each) => typeof each === 'string');
  return {
    what: { kind: 'link', targets: named, ...(peers === undefined ? {} : { peers }), ...ways, trouble },
    cluster,
  };
}

function parseTarget(text: string): string {
  if (parseTargets(text) === undefined) throw new InvalidArgumentError(`Expected ${TARGETS_EXPECTED}.`);
  return text;
}

function shareOf(text: string): number {
  const share = parseShare(text);
  if (share === undefined) throw new InvalidArgumentError('Expected a share such as 10% or 0.1.');
  return share;
}

function bytesOf(text: string): number {
  const bytes = parseBytes(text);
  if (bytes === undefined) throw new InvalidArgumentError('Expected bytes a second such as 500000, 500kB or 1MB.');
  return bytes;
}

function parseRate(text: string): number {
  const rate = /^(\d+(?:\.\d+)?|\.\d+)$/.test(text) ? Number(text) : Number.NaN;
  if (!(rate > 0)) throw new InvalidArgumentError('Expected a rate such as 2 or 0.5.');
  return rate;
}

const EXAMPLES = `
Examples:
  rkv-cluster fault partition leader --for 5s      whoever leads is alone for five seconds
  rkv-cluster fault partition leader --from        it sends, and hears nothing
  rkv-cluster fault partition 1,2/3                servers 1 and 2 on one side, 3 on the other
  rkv-cluster fault partition --from 1 --to 2      what 1 sends to 2 is lost
  rkv-cluster fault delay all --by 20ms --jitter 5ms
  rkv-cluster fault partition leader --clients     it serves the other servers, and no client reaches it
  rkv-cluster fault stalled-disk follower --for 3s
  rkv-cluster fault list
  rkv-cluster fault heal 3`;
