import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';
import { packagePath } from '../../cli/packagePath.ts';
import type { CallFrame } from './cpuProfile.ts';

/** Native functions: the C++ of Node.js, of LevelDB's binding and of V8. */
export const NATIVE = 'native';

const DIST = `${packagePath('dist')}/`;

/**
 * Says which module a function is of: `src/…/file.ts`, `npm:name`, `node:…` or `native`; of others the path. What a program was put together of is
 * told by the source map beside it.
 */
export class Modules {
  private readonly maps = new Map<string, SourceMap | undefined>();
  private readonly known = new Map<string, string>();

  of(frame: CallFrame): string {
    const { url, lineNumber, columnNumber } = frame;
    if (url === '') return NATIVE;
    if (url.startsWith('node:')) return url;
    const key = `${lineNumber}:${columnNumber}:${url}`;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const found = this.find(frame);
    this.known.set(key, found);
    return found;
  }

  /** What is told together: a room of ours, a package, a module of Node.js. */
  roomOf(module: string): string {
    return /^(src\/[^/]+\/[^/]+)\//.exec(module)?.[1] ?? /^(src\/[^/]+)\//.exec(module)?.[1] ?? module;
  }

  private find({ url, lineNumber, columnNumber }: CallFrame): string {
    const path = url.startsWith('file:') ? fileURLToPath(url) : url;
    const entry = this.mapOf(path)?.findEntry(lineNumber, columnNumber);
    // A function that no source has was added as the program was put together.
    if (entry !== undefined && 'originalSource' in entry) return moduleOfSource(entry.originalSource);
    return moduleOfPath(path);
  }

  /** Of programs: what tsc made stands one file by one as it is. */
  private mapOf(path: string): SourceMap | undefined {
    if (!path.includes('/programs/')) return undefined;
    if (!this.maps.has(path)) this.maps.set(path, readMap(`${path}.map`));
    return this.maps.get(path);
  }
}

function readMap(path: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}

/** A source as the map names it, seen from dist/. */
function moduleOfSource(source: string): string {
  return packageOf(source) ?? sourceOf(source.replace(/^(?:\.\.?\/)*(?:dist\/)?/, ''));
}

function moduleOfPath(path: string): string {
  const own = path.startsWith(DIST) && !path.includes('/programs/') ? sourceOf(path.slice(DIST.length)) : path;
  return packageOf(path) ?? own;
}

function packageOf(path: string): string | undefined {
  const name = /.*\bnode_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
  return name === undefined ? undefined : `npm:${name}`;
}

function sourceOf(path: string): string {
  return `src/${path.replace(/\.js$/, '.ts')}`;
}
