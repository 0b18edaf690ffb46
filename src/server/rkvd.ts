import { ArgumentEncodingError, readArguments } from '../cli/arguments.ts';
import { printable, printableLines } from '../cli/printable.ts';
import type { EngineRegistry } from '../consensus/engines.ts';
import { BrokenInvariantError } from '../consensus/parts/turnGuard.ts';
import { InvalidFaultError } from '../faults/serverFault.ts';
import { UsageError } from '../goflags/goFlags.ts';
import { formatAddress, isLoopback } from '../net/endpoints/addresses.ts';
import { CertificateError } from '../net/endpoints/credentials.ts';
import { KeptCredentials } from '../net/endpoints/keptCredentials.ts';
import { decodeStartFaults, START_FAULTS_VARIABLE } from '../wire/faultCodec.ts';
import { PEER_VERSIONS, type VersionRange } from '../wire/peerVersions.ts';
import { ExitCode } from '../wire/supervision.ts';
import { MACHINE } from './faults/machine.ts';
import { ServerFaults } from './faults/serverFaults.ts';
import { parseServerConfig, rkvdUsage, type ServerConfig } from './flags.ts';
import { ListenError } from './net/grpcListener.ts';
import { type Log, openLog } from './observe/log.ts';
import { type ParentWatch, SupervisorPipeError, watchParent } from './parentWatch.ts';
import { RkvServer } from './server.ts';
import { isForWantOfRoom, RefusedDataError } from './storage/contract.ts';
import { StorageOpenError } from './storage/levelDisk.ts';

/** Errors whose message is all that a person needs. */
const EXPECTED = [ListenError, StorageOpenError, SupervisorPipeError];
const STOP_TIME_MAX_MS = 10_000;

/**
 * The command: runs one server, with one of these engines, until SIGINT, SIGTERM, its supervisor's end or a failure of its storage. `speaks`:
 * of the peers' protocol, for tests of what an earlier or a later build does.
 */
export async function rkvd(engines: EngineRegistry, speaks: VersionRange = PEER_VERSIONS): Promise<void> {
  // What LevelDB and we write is for this user alone.
  process.umask(0o077);
  const config = readCommandLine(Object.keys(engines));
  if (config === undefined) return;
  const { engine } = await engines[config.flags.backend]!();
  const { log, close: closeLog } = openLog(config.id, config.flags.quiet, config.flags.logfile);
  let stopping = false;
  const stop = (reason: string, exitCode: number): void => {
    if (stopping) return;
    stopping = true;
    process.exitCode = exitCode;
    setTimeout(() => process.exit(exitCode || 1), STOP_TIME_MAX_MS).unref();
    log.info({ reason }, 'stopping');
    void shutDown(server, config.flags.csv)
      .catch((error: unknown) => log.error({ err: error }, 'stopping failed'))
      .then(closeLog)
      .finally(() => process.exit(exitCode));
  };
  const onFailed = (error: Error): void => {
    if (error instanceof RefusedDataError) {
      sayRefused(error);
      stop('these data are refused', ExitCode.RefusedData);
      return;
    }
    if (error instanceof BrokenInvariantError) {
      cannotGoOn(error);
      return;
    }
    const isFull = isForWantOfRoom(error);
    const what = isFull ? 'storage failed: the disk is full' : 'storage failed';
    log.fatal({ err: error }, what);
    if (config.flags.quiet) process.stderr.write(printableLines(`rkvd: ${what}: ${error.message}\n`));
    stop(what, isFull ? ExitCode.DiskFull : 1);
  };
  let parent: ParentWatch | undefined;
  const faults = config.flags.faults ? startFaults(config, log) : undefined;
  if (faults === 'invalid') {
    await closeLog();
    return;
  }
  const credentials = readFiles(config, log);
  if (credentials === 'invalid') {
    await closeLog();
    return;
  }
  const waits = (why: string) => parent?.tell({ kind: 'waits', why });
  const server = new RkvServer(config, engine, speaks, log, onFailed, waits, faults, credentials);
  const sayRefused = (error: RefusedDataError): void => {
    parent?.tell({ kind: 'refuses-data', error: error.name, why: error.message });
    log.fatal({ err: error, remedy: error.remedy }, 'these data are refused');
    if (config.flags.quiet) {
      process.stderr.write(printableLines(`rkvd: these data are refused: ${error.message}; ${error.remedy}\n`));
    }
  };
  /** A disk that cannot be read, or a defect of ours: what is durable is safe, and going on might not be. */
  const cannotGoOn = (error: Error): void => {
    log.fatal({ err: error }, 'cannot go on');
    process.stderr.write(printableLines(`rkvd: cannot go on: ${error.stack}\n`));
    stop('an error', 1);
  };
  process.on('uncaughtException', cannotGoOn);
  if (credentials !== undefined) process.on('SIGHUP', () => credentials.reload());
  process.on('SIGINT', () => stop('SIGINT', 0));
  process.on('SIGTERM', () => stop('SIGTERM', 0));
  try {
    parent = watchParent(process.env, () => stop('the supervisor is gone', 0));
    await server.start();
  } catch (error) {
    if (stopping) return;
    if (error instanceof RefusedDataError) {
      sayRefused(error);
      await closeLog();
      process.exit(ExitCode.RefusedData);
    }
    const message = EXPECTED.some((kind) => error instanceof kind) ? (error as Error).message : (error as Error).stack;
    if (error instanceof ListenError && error.isInUse) parent?.tell({ kind: 'address-in-use' });
    log.fatal({ err: error }, 'cannot start');
    if (config.flags.quiet) process.stderr.write(printableLines(`rkvd: ${message}\n`));
    await closeLog();
    process.exit(isForWantOfRoom(error) ? ExitCode.DiskFull : 1);
  }
}

/** Of a server that takes faults: with those that its supervisor says it has from the start. */
function startFaults({ id, servers }: ServerConfig, log: Log): ServerFaults | 'invalid' {
  const given = process.env[START_FAULTS_VARIABLE];
  try {
    const faults = given === undefined ? [] : decodeStartFaults(given);
    return new ServerFaults(id, servers.length, log, MACHINE, faults);
  } catch (error) {
    if (!(error instanceof InvalidFaultError)) throw error;
    process.stderr.write(`rkvd: ${printable(`${START_FAULTS_VARIABLE}: ${error.message}`)}\n`);
    process.exitCode = 1;
    return 'invalid';
  }
}

/** Of a server with TLS. */
function readFiles(config: ServerConfig, log: Log): KeptCredentials | 'invalid' | undefined {
  const { credentials: files, id, listen } = config;
  if (files === undefined) {
    const words =
      'without TLS: peers and clients are not authenticated, and whoever reaches this port can change and erase everything';
    if (isLoopback(listen.host)) log.info({}, words);
    else log.warn({ address: formatAddress(listen) }, words);
    return undefined;
  }
  try {
    return new KeptCredentials(files, id, {
      info: (words) => log.info({}, words),
      warn: (words) => log.warn({}, words),
      error: (words) => log.error({}, words),
    });
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    log.fatal({ err: error }, 'cannot start');
    if (config.flags.quiet) process.stderr.write(printableLines(`rkvd: ${error.message}\n`));
    process.exitCode = 1;
    return 'invalid';
  }
}

function readCommandLine(engines: readonly string[]): ServerConfig | undefined {
  try {
    const config = parseServerConfig(readArguments(), engines);
    if (typeof config !== 'string') return config;
    process.stdout.write(config);
    return undefined;
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof ArgumentEncodingError)) throw error;
    process.stderr.write(`${printable(error.message)}\n${rkvdUsage(engines)}`);
    process.exitCode = 1;
    return undefined;
  }
}

async function shutDown(server: RkvServer, writesRecord: boolean): Promise<void> {
  await server.stop();
  if (writesRecord) await server.writeRecord(process.cwd());
}
