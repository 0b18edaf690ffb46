import { basename, dirname, relative } from 'node:path';
import { printable } from '../../cli/printable.ts';
import { shellQuoted } from '../../cli/shellQuoted.ts';
import type { CredentialFiles } from '../../net/endpoints/credentials.ts';
import type { ServerReport } from '../cluster.ts';

/** Of a line: there may be many servers, and paths are long. */
const LINE_LENGTH_MAX = 4000;

/** Of a cluster whose servers want to see a certificate, how one shows an operator's. */
export function renderTls({
  tls,
  servers,
}: {
  readonly tls: CredentialFiles | null;
  readonly servers: readonly Pick<ServerReport, 'address' | 'membership'>[];
}): string[] {
  const present = servers.filter(({ membership }) => membership !== 'removed');
  const addresses = present.map(({ address }) => address);
  return tls == null ? [] : [clientCommand(tls, addresses)];
}

/** What to type to speak to servers that want a certificate. */
export function clientCommand(files: CredentialFiles, addresses: readonly string[]): string {
  const options = [...certificateOptions(files), '-cluster', addresses.join(',')];
  return printable(`TLS: rkvctl ${options.map(quoted).join(' ')} status`, LINE_LENGTH_MAX);
}

function certificateOptions({ cert, key, ca }: CredentialFiles): string[] {
  const folder = dirname(cert);
  const isOneFolder = [cert, key, ca].every(
    (path, at) => dirname(path) === folder && basename(path) === ['cert.pem', 'key.pem', 'ca.pem'][at],
  );
  if (isOneFolder) return ['-tls-dir', shown(folder)];
  return ['-tls-cert', shown(cert), '-tls-key', shown(key), '-tls-ca', shown(ca)];
}

/** From here, where that is shorter. */
function shown(path: string): string {
  const near = relative('', path);
  return near !== '' && near.length < path.length ? near : path;
}

/** As a shell takes it for one word. */
function quoted(word: string): string {
  return /^[\w./:,@%+=[\]-]+$/.test(word) ? word : shellQuoted(word);
}
