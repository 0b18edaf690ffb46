/** Where a server listens or is reached. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

const LOCAL_HOST = '127.0.0.1';

/** `host:port`, `[v6]:port` or `:port`, whose host is 127.0.0.1; undefined where the text is none of these. */
export function parseAddress(text: string): Address | undefined {
  const parts = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]*)):(\d{1,5})$/.exec(text);
  if (parts === null) return undefined;
  const port = Number(parts[3]);
  if (port < 1 || port > 65_535) return undefined;
  return { host: parts[1] ?? (parts[2] === '' ? LOCAL_HOST : parts[2]!), port };
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
