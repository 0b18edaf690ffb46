import { join, resolve } from 'node:path';
import { anyNumber, processCommand, wholeNumber } from '../../cli/runCommander.ts';
import { processTerminal } from '../../cli/terminal.ts';
import { ENGINE_NAMES } from '../../consensus/engines.ts';
import { parseAddress } from '../../net/endpoints/addresses.ts';
import { rkvdProgram, startCluster } from '../../supervisor/launcher.ts';
import { measureOverload, type OverloadOptions } from './overload.ts';

const HELP = `
Drives three servers with clients that behave like the original's: unary calls, back-off after errors, the next server.
First what a call costs its server. Then, --repeats times: the peak (each client with 64 calls in flight), an open loop at --factor times that, or at
--rate inserts a second, and the peak again beside a process that takes as much of the processor as the clients took more in the open loop: they share
the machine with the servers. Then a leader is killed, --failovers times, quiet and while 20 such clients retry.
Prints what was acknowledged, how late, who led, and whose processor time it took; which bounds are not met, and exits with 1 where there are such.`;

interface Options extends Omit<OverloadOptions, 'cluster' | 'addresses' | 'say'> {
  readonly backend: string;
  readonly rkvd: string | undefined;
}

const options: Options = processCommand('overload')
  .description("measures servers under more than they can take, of clients like the original's")
  .option('--backend <names>', 'comma separated engines', ENGINE_NAMES.join(','))
  .option('--clients <count>', 'clients of the load', wholeNumber, 8)
  .option('--seconds <count>', 'how long each load goes on', wholeNumber, 8)
  .option('--factor <number>', 'of the peak, in the open loop', anyNumber, 2)
  .option('--rate <inserts>', 'a second in the open loop, whatever the peak', wholeNumber)
  .option('--repeats <count>', 'how often each load is measured', wholeNumber, 3)
  .option('--failovers <count>', 'how often a leader is killed', wholeNumber, 5)
  .option('--rkvd <folder>', 'measure the servers of another built checkout, to compare')
  .addHelpText('after', HELP)
  .parse()
  .opts<Options>();
const rkvd = options.rkvd === undefined ? undefined : join(resolve(options.rkvd), 'bin', 'rkvd');
const program = rkvd === undefined ? rkvdProgram : { file: process.execPath, args: [rkvd] };
for (const backend of ENGINE_NAMES.filter((name) => options.backend.split(',').includes(name))) {
  const cluster = await startCluster({ nodes: 3, backend, metrics: false, flags: { quiet: true } }, { program });
  try {
    const say = (line: string) => processTerminal.out(`${backend}: ${line}`);
    const addresses = cluster.addresses.map((text) => parseAddress(text)!);
    const unmet = await measureOverload({ ...options, cluster, addresses, say });
    for (const bound of unmet) say(`NOT MET: ${bound}`);
    if (unmet.length > 0) process.exitCode = 1;
    else say('all bounds are met');
  } finally {
    await cluster.stop();
  }
}
