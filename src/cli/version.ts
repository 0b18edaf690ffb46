import { readFileSync } from 'node:fs';
import { packagePath } from './packagePath.ts';

/** What a command says when it is asked for its version. */
export function versionText(command: string): string {
  const { version } = JSON.parse(readFileSync(packagePath('package.json'), 'utf8')) as {
    readonly version: string;
  };
  return `${command} ${version} (Node.js ${process.version})`;
}
