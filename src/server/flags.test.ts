import { describe, expect, it } from 'vitest';
import { parseServerConfig, type ServerConfig } from './flags.ts';

const parse = (...flags: string[]) => parseServerConfig(['-id=2', '-cluster=1,2', ...flags]) as ServerConfig;
const TLS = ['-tls-cert=certs/{id}.pem', '-tls-key=certs/{id}.key', '-tls-ca=ca.pem'];

describe('where a server listens', () => {
  it('is its own address, where only this machine reaches that', () => {
    for (const host of ['', '127.0.0.1', 'localhost', '[::1]', '127.0.0.2']) {
      const { listen, servers } = parse(`-servers=${host}:1,${host}:2`);
      expect(listen).toBe(servers[1]);
    }
    // Others may be elsewhere.
    expect(parse('-servers=10.0.0.1:1,:2').listen.host).toBe('127.0.0.1');
  });

  it('was any address of -servers, without TLS, and nobody had said that the network is to be trusted', () => {
    const words =
      '-servers names 10.0.0.2:2 for this server, which others than this machine may reach, and without TLS nobody is authenticated: expected -tls-cert, -tls-key and -tls-ca, or -listen 10.0.0.2:2 where the network is to be trusted';
    expect(() => parse('-servers=10.0.0.1:1,10.0.0.2:2')).toThrow(words);
    for (const host of ['db2.example', '0.0.0.0', '[fd00::2]']) {
      expect(() => parse(`-servers=:1,${host}:2`)).toThrow('without TLS nobody is authenticated');
    }
    expect(parse('-servers=10.0.0.1:1,10.0.0.2:2', '-listen=0.0.0.0:2').listen.host).toBe('0.0.0.0');
    expect(parse('-servers=10.0.0.1:1,10.0.0.2:2', ...TLS).listen.host).toBe('10.0.0.2');
  });
});

describe('the flags of TLS', () => {
  it('name files, of this server where they say {id}', () => {
    expect(parse().credentials).toBeUndefined();
    expect(parse(...TLS, '-client-ca=clients.pem').credentials).toEqual({
      cert: 'certs/2.pem',
      key: 'certs/2.key',
      ca: 'ca.pem',
      clientCa: 'clients.pem',
    });
  });

  it('belong together', () => {
    expect(() => parse(TLS[0]!)).toThrow('-tls-cert without -tls-key and -tls-ca: expected all of');
    expect(() => parse('-client-ca=a')).toThrow('-client-ca without -tls-cert and -tls-key and -tls-ca');
  });
});
