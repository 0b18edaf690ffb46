import { statSync } from 'node:fs';
import { CertificateError, type CredentialFiles, type Credentials, readCredentials } from './credentials.ts';
import { readRevocations } from './revocations.ts';
import { TlsSecurity } from './tlsSecurity.ts';

/** How often it is looked whether the files have changed. */
export const LOOK_MS = 5_000;
const DAY_MS = 86_400_000;
/** That a certificate expires is told from so long before on, or from a quarter of its whole time where that is shorter; once a day, and
 * oftener towards the end. */
const SOON_MS_MAX = 14 * DAY_MS;
const SOON_SHARE = 1 / 4;
const TOLD_MS_MIN = 10 * 60_000;

/** Is told what becomes of credentials. */
export interface CredentialsLog {
  info(words: string): void;
  warn(words: string): void;
  error(words: string): void;
}

/**
 * The security of a process that runs for long: its files are read again when they change, and when it is told to. What cannot be used
 * changes nothing.
 */
export class KeptCredentials {
  readonly security: TlsSecurity;
  private readonly files: CredentialFiles;
  private readonly id: number;
  private readonly log: CredentialsLog;
  private readonly timer: NodeJS.Timeout;
  /** Which files those were that were read last. */
  private seen: string;
  private toldAtMs = Number.NEGATIVE_INFINITY;

  /** As `readCredentials` and `readRevocations`, whose errors it throws. */
  constructor(files: CredentialFiles, id: number, log: CredentialsLog) {
    this.files = files;
    this.id = id;
    this.log = log;
    this.seen = this.fingerprints();
    this.security = new TlsSecurity(readCredentials(files, id, Date.now()));
    this.readList();
    this.timer = setInterval(() => this.look(), LOOK_MS);
    this.timer.unref();
    this.tellOfEnd();
  }

  get secondsLeft(): number {
    return (this.security.credentials.validToMs - Date.now()) / 1000;
  }

  /** Reads the files now, whatever their times say. */
  reload(): void {
    this.seen = this.fingerprints();
    this.reloadCertificates();
    try {
      this.readList();
    } catch (error) {
      if (!(error instanceof CertificateError)) throw error;
      this.log.error(`what was revoked stays as it was: ${error.message}`);
    }
  }

  private readList(): void {
    const { crl } = this.files;
    if (crl === undefined) return;
    const { authorities, clientAuthorities, leaf } = this.security.credentials;
    const nowMs = Date.now();
    const revocations = readRevocations(crl, [...authorities, ...clientAuthorities], nowMs);
    this.security.revoke(revocations);
    const { entries, nextUpdateMs } = revocations;
    const count = entries.length;
    this.log.info(`${count} ${count === 1 ? 'certificate is' : 'certificates are'} revoked by ${crl}`);
    if (revocations.isRevoked([leaf])) {
      this.log.error(`the certificate in ${this.files.cert} is among them: nobody takes it who reads that list`);
    }
    if (nextUpdateMs < nowMs) {
      this.log.warn(
        `a list in ${crl} was to be followed by another one at ${new Date(nextUpdateMs).toISOString()}: it counts until one is there`,
      );
    }
  }

  private reloadCertificates(): void {
    const { own } = this.security.credentials;
    let read: Credentials;
    try {
      read = readCredentials(this.files, this.id, Date.now());
      if (read.own.cluster !== own.cluster) {
        throw new CertificateError(
          `tls-cert ${this.files.cert}: it is of cluster ${read.own.cluster}: expected ${own.cluster}, as when this process began`,
        );
      }
    } catch (error) {
      if (!(error instanceof CertificateError)) throw error;
      this.log.error(`certificates stay as they were: ${error.message}`);
      return;
    }
    this.security.use(read);
    this.toldAtMs = Number.NEGATIVE_INFINITY;
    this.log.info(`certificates were read again, and hold until ${new Date(read.validToMs).toISOString()}`);
    this.tellOfEnd();
  }

  /** Reads the files where they have changed since the last time. */
  look(): void {
    if (this.seen !== this.fingerprints()) this.reload();
    else this.tellOfEnd();
  }

  private fingerprints(): string {
    const { cert, key, ca, clientCa, crl } = this.files;
    return [cert, key, ca, clientCa, crl].map((path) => (path === undefined ? '' : fingerprint(path))).join(' ');
  }

  private tellOfEnd(): void {
    const { validFromMs, validToMs } = this.security.credentials;
    const nowMs = Date.now();
    const leftMs = validToMs - nowMs;
    if (leftMs > Math.min(SOON_MS_MAX, (validToMs - validFromMs) * SOON_SHARE)) return;
    if (nowMs - this.toldAtMs < Math.min(DAY_MS, Math.max(TOLD_MS_MIN, leftMs / 2))) return;
    this.toldAtMs = nowMs;
    const end = new Date(validToMs).toISOString();
    if (leftMs > 0) this.log.warn(`the certificate in ${this.files.cert} expires at ${end}: put a new one there`);
    else {
      this.log.error(
        `the certificate in ${this.files.cert} expired at ${end}: no new connection can be made until a new one is there`,
      );
    }
  }

  close(): void {
    clearInterval(this.timer);
  }
}

function fingerprint(path: string): string {
  try {
    const { ino, size, mtimeMs } = statSync(path);
    return `${ino}/${size}/${mtimeMs}`;
  } catch {
    return 'gone';
  }
}
