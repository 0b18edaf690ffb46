import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { planCluster, serverFlags } from '../clusterPlan.ts';
import { clientCommand } from './clientCommand.ts';
import { operatorFiles } from './tlsPlan.ts';

const GIVEN = {
  cert: 'certs/{id}/cert.pem',
  key: 'certs/{id}.key',
  ca: '/etc/ca.pem',
  operatorCert: 'me.pem',
  operatorKey: "my 'key'.pem",
};

describe('a cluster with certificates', () => {
  const tlsFlagsOf = (config: Parameters<typeof planCluster>[0], at = 1) => {
    const plan = planCluster(config, 'demo');
    return serverFlags(plan, plan.servers[at]!, 'data').filter((flag) => /^-(tls|client)-/.test(flag));
  };

  it('that are made here tells each server where its own are', () => {
    expect(tlsFlagsOf({ tls: true, datadir: '/d' })).toEqual([
      '-tls-cert=/d/tls/server-2/cert.pem',
      '-tls-key=/d/tls/server-2/key.pem',
      '-tls-ca=/d/tls/server-2/ca.pem',
      '-tls-crl=/d/tls/authority/crl.pem',
    ]);
    expect(tlsFlagsOf({ tls: false })).toEqual([]);
  });

  it('that its file names does so too', () => {
    expect(tlsFlagsOf({ tls: GIVEN })).toEqual([
      `-tls-cert=${resolve('certs/2/cert.pem')}`,
      `-tls-key=${resolve('certs/2.key')}`,
      '-tls-ca=/etc/ca.pem',
    ]);
    expect(tlsFlagsOf({ tls: { ...GIVEN, crl: 'crl.pem' } })).toContain(`-tls-crl=${resolve('crl.pem')}`);
    expect(tlsFlagsOf({ tls: { ...GIVEN, clientCa: 'clients.pem' } })).toContain(
      `-client-ca=${resolve('clients.pem')}`,
    );
  });

  it('says what to type to reach it', () => {
    const commandOf = (config: Parameters<typeof planCluster>[0]) =>
      clientCommand(operatorFiles(planCluster(config, 'demo').tls!), ['127.0.0.1:9201', '[::1]:9202']);
    expect(commandOf({ tls: true })).toBe(
      'TLS: rkvctl -tls-dir rkv-data/demo/tls/operator -cluster 127.0.0.1:9201,[::1]:9202 status',
    );
    expect(commandOf({ tls: GIVEN })).toBe(
      `TLS: rkvctl -tls-cert me.pem -tls-key 'my '\\''key'\\''.pem' -tls-ca /etc/ca.pem -cluster 127.0.0.1:9201,[::1]:9202 status`,
    );
  });
});
