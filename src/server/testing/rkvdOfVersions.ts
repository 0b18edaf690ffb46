import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { ENGINES } from '../../consensus/engines.ts';
import { rkvd } from '../rkvd.ts';

/**
 * rkvd of whatever build a test wants to run as server N now (test/versions.test.ts): the file that RKV_TEST_BUILDS names says of each id
 * either the oldest and the newest version of the peers' protocol that it speaks (`6-7`), or the main.js of another build.
 */
const id = /^-id=(\d+)$/.exec(process.argv.find((argument) => argument.startsWith('-id=')) ?? '')?.[1];
const builds = JSON.parse(readFileSync(process.env.RKV_TEST_BUILDS!, 'utf8')) as Readonly<Record<string, string>>;
const build = builds[id!]!;
const [, oldest, newest] = /^(\d+)-(\d+)$/.exec(build) ?? [];
if (oldest === undefined) await import(pathToFileURL(build).href);
else await rkvd(ENGINES, { oldest: Number(oldest), newest: Number(newest) });
