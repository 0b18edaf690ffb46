import { pathToFileURL } from 'node:url';

/**
 * From now on Node.js programs that this process starts load the module at `path` before anything else, with this in their environment.
 * Returns how to end that.
 */
export function preload(path: string, environment: Readonly<Record<string, string>>): () => void {
  const option = `--import=${pathToFileURL(path)}`;
  process.env.NODE_OPTIONS = [process.env.NODE_OPTIONS, option].join(' ').trim();
  for (const [name, value] of Object.entries(environment)) process.env[name] = value;
  return () => {
    const options = process.env.NODE_OPTIONS?.replace(option, '').trim();
    if (options) process.env.NODE_OPTIONS = options;
    else delete process.env.NODE_OPTIONS;
    for (const name of Object.keys(environment)) delete process.env[name];
  };
}
