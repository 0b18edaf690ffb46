import { parseArgs } from 'node:util';
import { startCluster } from '../../supervisor/launcher.ts';
import { parseAddress } from '../../wire/addresses.ts';
import { BACKENDS } from '../plan.ts';
import { measureOverload } from './overload.ts';

const HELP = `Usage: npm run overload -- [--backend NAMES] [--clients N] [--seconds S] [--factor F] [--rate R]

Drives three servers with clients that behave like the original's: unary calls, back-off after errors, the next server.
First the peak (each client with 64 calls in flight), then an open loop at F times that, or at R inserts a second; then a
leader is killed, quiet and while 20 such clients retry. Prints what was acknowledged, how late, and who led.
`;

const { values } = parseArgs({
  options: {
    backend: { type: 'string', default: BACKENDS.join(',') },
    clients: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '8' },
    factor: { type: 'string', default: '2' },
    rate: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
for (const backend of BACKENDS.filter((name) => values.backend.split(',').includes(name))) {
  const cluster = await startCluster({ nodes: 3, backend, metrics: false, flags: { quiet: true } });
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
