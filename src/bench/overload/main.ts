import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { rkvdProgram, startCluster } from '../../supervisor/launcher.ts';
import { parseAddress } from '../../wire/addresses.ts';
import { BACKENDS } from '../plan.ts';
import { measureOverload } from './overload.ts';

const HELP = `Usage: npm run overload -- [--backend NAMES] [--clients N] [--seconds S] [--factor F] [--rate R] [--rkvd FOLDER]

Drives three servers with clients that behave like the original's: unary calls, back-off after errors, the next server.
First what a call costs its server, then the peak (each client with 64 calls in flight), then an open loop at F times that, or at R inserts a second; then a
leader is killed, quiet and while 20 such clients retry. Prints what was acknowledged, how late, and who led.
--rkvd measures the servers of another built checkout, to compare.
`;

const { values } = parseArgs({
  options: {
    backend: { type: 'string', default: BACKENDS.join(',') },
    clients: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '8' },
    factor: { type: 'string', default: '2' },
    rate: { type: 'string' },
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
for (const backend of BACKENDS.filter((name) => values.backend.split(',').includes(name))) {
  const cluster = await startCluster({ nodes: 3, backend, metrics: false, flags: { quiet: true } }, { program });
  try {
    const lines = await measureOverload({
      cluster,
      addresses: cluster.addresses.map((text) => parseAddress(text)!),
      clients: Number(values.clients),
      seconds: Number(values.seconds),
      factor: Number(values.factor),
      rate: values.rate === undefined ? undefined : Number(values.rate),
    });
    for (const line of lines) process.stdout.write(`${backend}: ${line}\n`);
  } finally {
    await cluster.stop();
  }
}
