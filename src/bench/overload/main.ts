import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ENGINE_NAMES } from '../../consensus/engines.ts';
import { parseAddress } from '../../net/endpoints/addresses.ts';
import { rkvdProgram, startCluster } from '../../supervisor/launcher.ts';
import { measureOverload } from './overload.ts';

const HELP = `Usage: npm run overload -- [--backend NAMES] [--clients N] [--seconds S] [--factor F] [--rate R]
                           [--repeats N] [--failovers N] [--rkvd FOLDER]

Drives three servers with clients that behave like the original's: unary calls, back-off after errors, the next server.
First what a call costs its server. Then, --repeats times: the peak (each client with 64 calls in flight), an open loop at F times that, or at R
inserts a second, and the peak again beside a process that takes as much of the processor as the clients took more in the open loop: they share
the machine with the servers. Then a leader is killed, --failovers times, quiet and while 20 such clients retry.
Prints what was acknowledged, how late, who led, and whose processor time it took; which bounds are not met, and exits with 1 where there are such.
--rkvd measures the servers of another built checkout, to compare.
`;

const { values } = parseArgs({
  options: {
    backend: { type: 'string', default: ENGINE_NAMES.join(',') },
    clients: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '8' },
    factor: { type: 'string', default: '2' },
    rate: { type: 'string' },
    repeats: { type: 'string', default: '3' },
    failovers: { type: 'string', default: '5' },
    rkvd: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const rkvd = values.rkvd === undefined ? undefined : join(resolve(values.rkvd), 'bin', 'rkvd');
const program = rkvd === undefined ? rkvdProgram : { file: process.execPath, args: [rkvd] };
for (const backend of ENGINE_NAMES.filter((name) => values.backend.split(',').includes(name))) {
  const cluster = await startCluster({ nodes: 3, backend, metrics: false, flags: { quiet: true } }, { program });
  try {
    const say = (line: string) => process.stdout.write(`${backend}: ${line}\n`);
    const unmet = await measureOverload({
      cluster,
      addresses: cluster.addresses.map((text) => parseAddress(text)!),
      clients: Number(values.clients),
      seconds: Number(values.seconds),
      factor: Number(values.factor),
      rate: values.rate === undefined ? undefined : Number(values.rate),
      repeats: Number(values.repeats),
      failovers: Number(values.failovers),
      say,
    });
    for (const bound of unmet) say(`NOT MET: ${bound}`);
    if (unmet.length > 0) process.exitCode = 1;
    else say('all bounds are met');
  } finally {
    await cluster.stop();
  }
}
