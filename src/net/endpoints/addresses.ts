import { isIPv6 } from 'node:net';

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
  if (parts[1] !== undefined && !isIPv6(parts[1])) return undefined;
  if (port < 1 || port > 65_535) return undefined;
  return { host: parts[1] ?? (parts[2] === '' ? LOCAL_HOST : parts[2]!), port };
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether both are the same however they are spelled: names of one host are not looked up. */
export function isSameAddress(one: Address, other: Address): boolean {
  return one.port === other.port && plainHost(one.host) === plainHost(other.host);
}

/** Whether only this machine reaches it, as far as its spelling tells: names but `localhost` are not looked up. */
export function isLoopback(host: string): boolean {
  const plain = plainHost(host);
  return plain === 'localhost' || plain === '[::1]' || /^127(?:\.\d+){3}$/.test(plain);
}

/** The host in one spelling: `LOCALHOST`, `127.1` and `0:0::1` have others. */
export function plainHost(host: string): string {
  const name = host.toLowerCase().replace(/\.$/, '');
  let plain: string;
  try {
    plain = new URL(`http://${name.includes(':') ? `[${name}]` : name}/`).hostname;
  } catch {
    return name;
  }
  const mapped = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(plain);
  if (mapped === null) return plain;
  const bytes = mapped.slice(1).flatMap((half) => {
    const value = Number.parseInt(half, 16);
    return [value >> 8, value & 0xff];
  });
  return bytes.join('.');
}
