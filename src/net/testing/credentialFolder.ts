import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CredentialFiles, type Credentials, readCredentials } from '../endpoints/credentials.ts';
import { TlsSecurity } from '../endpoints/tlsSecurity.ts';
import type { MadeCertificate } from './certificates.ts';

/** A folder of certificates for one test. */
export class CredentialFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'rkv-tls-'));
  private count = 0;

  write(name: string, text: string): string {
    const path = join(this.path, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }

  /** Of one holder, who goes by these authorities. */
  files(made: MadeCertificate, ca: string, clientCa?: string): CredentialFiles {
    const name = (what: string) => `${this.count}-${what}.pem`;
    this.count++;
    return {
      cert: this.write(name('cert'), made.certificate),
      key: this.write(name('key'), made.key),
      ca: this.write(name('ca'), ca),
      clientCa: clientCa === undefined ? undefined : this.write(name('client-ca'), clientCa),
    };
  }

  /** `id`: 0 of a client or an operator. */
  read(made: MadeCertificate, id: number, ca: string, clientCa?: string): Credentials {
    return readCredentials(this.files(made, ca, clientCa), id, Date.now());
  }

  security(made: MadeCertificate, id: number, ca: string, clientCa?: string): TlsSecurity {
    return new TlsSecurity(this.read(made, id, ca, clientCa));
  }

  /** What would not be read from files: of a holder who does not mind what is wrong with his certificate. */
  hostile(made: MadeCertificate, model: Credentials, ca: string): TlsSecurity {
    return new TlsSecurity({ ...model, cert: made.certificate, key: made.key, ca });
  }

  remove(): void {
    rmSync(this.path, { recursive: true });
  }
}
