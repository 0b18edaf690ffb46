#!/usr/bin/env node
// Stands in for rkvd in the supervisor's own tests: it takes the same flags, serves rkvadmin.Admin/Status and ends when its
// supervisor does. Server 1 leads, unless FAKE_LEADER names another (0: nobody). FAKE_FAULTS is JSON: server id to
// what is wrong with it: "exit" (ends at once), "refuses" (its data), "ends on rejoin", "waits" (does not take part after
// -rejoin), "deaf" (ignores SIGINT), "stubborn" (ignores SIGTERM too), "slow" (ends some time after SIGTERM).
import { readFileSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { Server, ServerCredentials } from '@grpc/grpc-js';

const flags = new Map(process.argv.slice(2).map((flag) => /^-(\w+)=(.*)$/s.exec(flag).slice(1)));
const id = Number(flags.get('id'));
const address = flags.get('servers').split(',')[id - 1];
const fault = JSON.parse(process.env.FAKE_FAULTS ?? '{}')[id];
const rejoins = flags.get('rejoin') === 'true';
const waits = fault === 'waits' && rejoins;
// A file, where there is one, so that a test can move the leadership of running servers.
const leader = () => {
  const given = process.env.FAKE_LEADER ?? '1';
  return Number(given.startsWith('/') ? readFileSync(given, 'utf8') : given);
};

const supervisor = new Socket({ fd: Number(process.env.RKV_SUPERVISOR_FD), readable: true, writable: false });
supervisor.on('close', () => process.exit(0));
supervisor.resume();
const tell = (notice) => writeSync(Number(process.env.RKV_SUPERVISOR_FD), `${JSON.stringify(notice)}\n`);

const fields = { id: 1, term: 4, leader: 5, commitIndex: 6, appliedIndex: 7 };
function encodeStatus() {
  const writer = new BinaryWriter();
  const values = { id, term: waits ? 0 : 2, leader: leader(), commitIndex: 7, appliedIndex: 7 };
  for (const [name, number] of Object.entries(fields)) writer.uint32(number * 8).uint64(values[name]);
  writer.uint32(2 * 8 + 2).string('gorums');
  writer.uint32(3 * 8 + 2).string(leader() === id ? 'leader' : 'follower');
  writer.uint32(9 * 8 + 2).fork();
  for (const voter of flags.get('cluster').split(',')) writer.uint64(Number(voter));
  writer.join();
  writer.uint32(12 * 8).uint32(process.pid);
  return Buffer.from(
    writer
      .uint32(13 * 8 + 2)
      .string(address)
      .finish(),
  );
}

const method = {
  path: '/rkvadmin.Admin/Status',
  requestStream: false,
  responseStream: false,
  requestSerialize: (value) => value,
  requestDeserialize: (value) => value,
  responseSerialize: (value) => value,
  responseDeserialize: (value) => value,
};

process.on('SIGINT', () => fault !== 'deaf' && fault !== 'stubborn' && process.exit(0));
process.on('SIGTERM', () => {
  if (fault === 'slow') setTimeout(() => process.exit(0), 400);
  else if (fault !== 'stubborn') process.exit(0);
});

console.log(`fake rkvd ${process.argv.slice(2).join(' ')}`);
if (fault === 'exit') {
  console.error(`fake failure of server ${id}`);
  process.exit(1);
}
if (fault === 'ends on rejoin' && rejoins) {
  console.error('nobody leads');
  process.exit(1);
}
if (fault === 'refuses' && flags.get('recover') === 'true') {
  tell({ kind: 'refuses-data', error: 'LostWritesError', why: 'write 7 was promised' });
  process.exit(3);
}
if (waits) tell({ kind: 'waits', why: 'it waits for a leader' });
const server = new Server();
server.addService({ status: method }, { status: (_call, answer) => answer(null, encodeStatus()) });
server.bindAsync(address, ServerCredentials.createInsecure(), (error) => {
  if (error === null) return;
  tell({ kind: 'address-in-use' });
  console.error(error.message);
  process.exit(1);
});
