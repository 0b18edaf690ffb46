import { readFileSync } from 'node:fs';

/** What a command says when it is asked for its version. From src/ as from dist/, the package begins two folders up. */
export function versionText(command: string): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    readonly version: string;
  };
  return `${command} ${version} (Node.js ${process.version})`;
}
