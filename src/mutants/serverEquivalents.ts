import { argued, type Equivalent } from './equivalent.ts';

/** What survives in the server's parts and is no mistake. */
export const SERVER_EQUIVALENTS: readonly Equivalent[] = [
  // identity
  ...argued(
    'What is noted again at the same index is the same entry.',
    'server/identity/fences.ts fencesInForce: bound index <= (all.get(fence.id)?.index ?? 0) → index < (all.get(fence.id)?.index ?? 0)',
  ),
  ...argued(
    'What was met as far never falls, so the bar keeps nobody out any more: it only stays in memory.',
    'server/identity/shutOuts.ts ShutOuts.isDeafTo: drop this.bars.delete(id);',
  ),
  ...argued(
    'Votes for nobody come first where they are sorted by id, and whoever comes next takes the place of nobody.',
    'server/identity/startDecision.ts leaderOf: half leader !== 0 && (named.get(leader) ?? leader) === leader → (named.get(leader) ?? leader) === leader',
  ),
  // host
  ...argued(
    'Neither looks at what the other changes.',
    'server/storage/chunkCache.ts LoadedChunk.decode: swap bytes += size; into.push(entry); → into.push(entry); bytes += size;',
    'server/storage/chunkCache.ts LoadedChunk.decode: swap into.push(entry); this.cursorIndex = index + 1; → this.cursorIndex = index + 1; into.push(entry);',
    'server/storage/chunkCache.ts readObjects: swap bytes += size; into.push(entry); → into.push(entry); bytes += size;',
    'server/storage/chunkCache.ts ChunkCache.add: swap this.linkNewest(place); this.entries += chunk.entryCount; → this.entries += chunk.entryCount; this.linkNewest(place);',
    'server/storage/chunkCache.ts ChunkCache.add: swap this.places.set(chunk.sequence, place); this.linkNewest(place); → this.linkNewest(place); this.places.set(chunk.sequence, place);',
    'server/storage/chunkCache.ts ChunkCache.add: swap this.hot.push(chunk); this.hotEntries += chunk.entryCount; → this.hotEntries += chunk.entryCount; this.hot.push(chunk);',
    'server/storage/chunkCache.ts ChunkCache.coolOldest: swap this.hotStart++; this.cool(oldest); → this.cool(oldest); this.hotStart++;',
    'server/storage/chunkCache.ts ChunkCache.delete: swap this.places.delete(sequence); this.unlink(place); → this.unlink(place); this.places.delete(sequence);',
    'server/storage/chunkCache.ts ChunkCache.delete: swap this.unlink(place); this.entries -= place.chunk.entryCount; → this.entries -= place.chunk.entryCount; this.unlink(place);',
    'server/storage/chunkCache.ts ChunkCache.delete: swap this.bytes -= place.chunk.costBytes; this.cool(place.chunk); → this.cool(place.chunk); this.bytes -= place.chunk.costBytes;',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.constructor: swap this.snapshotReference = last?.snapshot; this.keepSnapshot(recovered.snapshot); → this.keepSnapshot(recovered.snapshot); this.snapshotReference = last?.snapshot;',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.constructor: swap this.keepSnapshot(recovered.snapshot); this.nextSequence = recovered.nextSequence; → this.nextSequence = recovered.nextSequence; this.keepSnapshot(recovered.snapshot);',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.persist: swap this.acceptedMark = batch.mark; this.marks.push({ mark: batch.mark, lastIndex: this.lastIndex }); → this.marks.push({ mark: batch.mark, lastIndex: this.lastIndex }); this.acceptedMark = batch.mark;',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.persist: swap this.marks.push({ mark: batch.mark, lastIndex: this.lastIndex }); this.dirty = true; → this.dirty = true; this.marks.push({ mark: batch.mark, lastIndex: this.lastIndex });',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.install: swap this.terms.clear(); this.marked.clear(); → this.marked.clear(); this.terms.clear();',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.install: swap this.marked.clear(); this.baseIndex = snapshot.index; → this.baseIndex = snapshot.index; this.marked.clear();',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.install: swap this.baseTerm = snapshot.term; this.replaceSnapshot(snapshot); → this.replaceSnapshot(snapshot); this.baseTerm = snapshot.term;',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.truncate: swap this.terms.truncateFrom(index); this.marked.truncateFrom(index); → this.marked.truncateFrom(index); this.terms.truncateFrom(index);',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.bury: swap this.cache.delete(sequence); this.dead.add(chunkKey(firstIndex, sequence), this.nextSequence); → this.dead.add(chunkKey(firstIndex, sequence), this.nextSequence); this.cache.delete(sequence);',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.storeSnapshot: swap this.replaceSnapshot(snapshot); this.storedSnapshotIndex = snapshot.index; → this.storedSnapshotIndex = snapshot.index; this.replaceSnapshot(snapshot);',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.compact: swap this.terms.dropUpTo(base); this.marked.dropUpTo(base); → this.marked.dropUpTo(base); this.terms.dropUpTo(base);',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.writeSnapshot: swap operations.push({ key: snapshotKey(snapshot.index, sequence), value }); this.snapshotReference = { index: snapshot.index, sequence, checksum }; → this.snapshotReference = { index: snapshot.index, sequence, checksum }; operations.push({ key: snapshotKey(snapshot.index, sequence), value });',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.writeRecord: swap this.chunks.push(first, sequence); this.cache.add(chunk); → this.cache.add(chunk); this.chunks.push(first, sequence);',
    'server/storage/garbage.ts Garbage.take: swap this.start++; into(next.key); → into(next.key); this.start++;',
    'server/storage/level/table.ts blockEntries: swap next.set(key.subarray(0, shared)); next.set(block.subarray(reader.pos, keyEnd), shared); → next.set(block.subarray(reader.pos, keyEnd), shared); next.set(key.subarray(0, shared));',
    'server/storage/level/table.ts blockEntries: swap entries.push({ key, value: block.subarray(keyEnd, keyEnd + valueBytes) }); reader.pos = keyEnd + valueBytes; → reader.pos = keyEnd + valueBytes; entries.push({ key, value: block.subarray(keyEnd, keyEnd + valueBytes) });',
    'server/storage/levelDisk.ts LevelDisk.write: swap this.keysAtOpen = undefined; this.queue.push({ operations, sync, done }); → this.queue.push({ operations, sync, done }); this.keysAtOpen = undefined;',
    'server/storage/openLogStore.ts openLevelLogStore: swap await area?.close(); await level.close(); → await level.close(); await area?.close();',
    'server/storage/promisedDisk.ts PromisedDisk.take: swap this.unsynced.push(record.value); this.unsyncedBytes += record.value.length; → this.unsyncedBytes += record.value.length; this.unsynced.push(record.value);',
    'server/storage/promisedSlot.ts encodeSlotHeader: swap header[VERSION_AT] = binding === undefined ? UNBOUND_VERSION : BOUND_VERSION; header.set(storeId, ID_AT); → header.set(storeId, ID_AT); header[VERSION_AT] = binding === undefined ? UNBOUND_VERSION : BOUND_VERSION;',
    'server/storage/record.ts encodeRecord: swap value.set(header.subarray(0, pos)); writeEntries(entries, value, pos); → writeEntries(entries, value, pos); value.set(header.subarray(0, pos));',
    'server/storage/snapshotRecord.ts encodeSnapshot: swap value[CRC_BYTES + 1] = SNAPSHOT_KIND; value.set(snapshot.data, writeVarints(value, CRC_BYTES + 2, numbers)); → value.set(snapshot.data, writeVarints(value, CRC_BYTES + 2, numbers)); value[CRC_BYTES + 1] = SNAPSHOT_KIND;',
    'server/storage/termRuns.ts TermRuns.append: swap this.firsts.push(first); this.terms.push(term); → this.terms.push(term); this.firsts.push(first);',
    'server/storage/termRuns.ts TermRuns.truncateFrom: swap this.firsts.pop(); this.terms.pop(); → this.terms.pop(); this.firsts.pop();',
    'server/storage/termRuns.ts TermRuns.dropUpTo: swap this.firsts.splice(0, dead); this.terms.splice(0, dead); → this.terms.splice(0, dead); this.firsts.splice(0, dead);',
    'server/host/pendingCommands.ts PendingCommands.addCommand: swap this.arrivedBytes += command.length; append(this.arrived, command, sink, tag); → append(this.arrived, command, sink, tag); this.arrivedBytes += command.length;',
    'server/host/pendingCommands.ts PendingCommands.addLookup: swap this.lookups.bytes += key.length; this.lookups.keys.push(key); → this.lookups.keys.push(key); this.lookups.bytes += key.length;',
    'server/host/pendingCommands.ts PendingCommands.addLookup: swap this.lookups.keys.push(key); this.lookups.sinks.push(sink); → this.lookups.sinks.push(sink); this.lookups.keys.push(key);',
    'server/host/pendingCommands.ts PendingCommands.addLookup: swap this.lookups.sinks.push(sink); this.lookups.tags.push(tag); → this.lookups.tags.push(tag); this.lookups.sinks.push(sink);',
    'server/host/pendingCommands.ts PendingCommands.portion: swap dropFirst(this.arrived, at); this.takeWaiting(offered, bytes); → this.takeWaiting(offered, bytes); dropFirst(this.arrived, at);',
    'server/host/pendingCommands.ts PendingCommands.portion: swap this.arrivedBytes -= size; move(this.arrived, at, offered); → move(this.arrived, at, offered); this.arrivedBytes -= size;',
    'server/host/pendingCommands.ts PendingCommands.portion: swap move(this.arrived, at, this.waiting); this.arrivedBytes -= size; → this.arrivedBytes -= size; move(this.arrived, at, this.waiting);',
    'server/host/pendingCommands.ts PendingCommands.sift: swap commands.length = kept; cut(waiters, kept); → cut(waiters, kept); commands.length = kept;',
    'server/host/pendingCommands.ts PendingCommands.readConfirmed: swap this.reading.delete(token); this.confirmed.push({ index, lookups }); → this.confirmed.push({ index, lookups }); this.reading.delete(token);',
    'server/host/pendingCommands.ts PendingCommands.readConfirmed: swap this.deciding.delete(token); this.decidable.push({ index, queue }); → this.decidable.push({ index, queue }); this.deciding.delete(token);',
    'server/host/pendingCommands.ts PendingCommands.loseAll: swap this.waiting = emptyQueue(); this.waitingSessions.clear(); → this.waitingSessions.clear(); this.waiting = emptyQueue();',
    'server/host/pendingCommands.ts PendingCommands.loseAll: swap this.waitingSessions.clear(); this.undecided = emptyQueue(); → this.undecided = emptyQueue(); this.waitingSessions.clear();',
    'server/host/pendingCommands.ts PendingCommands.loseAll: swap this.cleared = emptyQueue(); this.deciding.clear(); → this.deciding.clear(); this.cleared = emptyQueue();',
    'server/host/pendingCommands.ts PendingCommands.loseAll: swap this.deciding.clear(); this.decidable = []; → this.decidable = []; this.deciding.clear();',
    'server/host/pendingCommands.ts PendingCommands.loseAll: swap this.lookups = noLookups(); this.reading.clear(); → this.reading.clear(); this.lookups = noLookups();',
    'server/host/pendingCommands.ts PendingCommands.loseAll: swap this.reading.clear(); this.confirmed = []; → this.confirmed = []; this.reading.clear();',
    'server/host/pendingCommands.ts append: swap commands.push(command); waiters.sinks.push(sink); → waiters.sinks.push(sink); commands.push(command);',
    'server/host/pendingCommands.ts append: swap waiters.sinks.push(sink); waiters.tags.push(tag); → waiters.tags.push(tag); waiters.sinks.push(sink);',
    'server/host/pendingCommands.ts append: swap waiters.tags.push(tag); waiters.sizes.push(command.length); → waiters.sizes.push(command.length); waiters.tags.push(tag);',
    'server/host/pendingCommands.ts dropFirst: swap commands.splice(0, count); waiters.sinks.splice(0, count); → waiters.sinks.splice(0, count); commands.splice(0, count);',
    'server/host/pendingCommands.ts dropFirst: swap waiters.sinks.splice(0, count); waiters.tags.splice(0, count); → waiters.tags.splice(0, count); waiters.sinks.splice(0, count);',
    'server/host/pendingCommands.ts dropFirst: swap waiters.tags.splice(0, count); waiters.sizes.splice(0, count); → waiters.sizes.splice(0, count); waiters.tags.splice(0, count);',
  ),
  ...argued(
    'With too much counted as arrived a portion is made where everything fits, and it is the same.',
    'server/host/pendingCommands.ts PendingCommands.portion: drop this.arrivedBytes -= size;',
    'server/host/pendingCommands.ts PendingCommands.portion: drop this.arrivedBytes -= size; (2)',
    'server/host/pendingCommands.ts PendingCommands.takeCommands: drop this.arrivedBytes = 0;',
    'server/host/pendingCommands.ts PendingCommands.loseAll: drop this.arrivedBytes = 0;',
  ),
  ...argued(
    'Only spares the work where there is nothing to do.',
    'server/host/pendingCommands.ts PendingCommands.appendCleared: drop if (cleared.commands.length === 0) return;',
    'server/host/pendingCommands.ts PendingCommands.answerLookups: drop if (this.confirmed.length === 0) return;',
  ),
  ...argued(
    'Decides only when the finished ones at the front are cut off.',
    'server/host/pendingCommands.ts PendingCommands.forgetHead: negate this.acceptedHead >= ACCEPTED_SLACK_MAX → this.acceptedHead < ACCEPTED_SLACK_MAX',
    'server/host/pendingCommands.ts PendingCommands.forgetHead: bound this.acceptedHead >= ACCEPTED_SLACK_MAX → this.acceptedHead > ACCEPTED_SLACK_MAX',
  ),
  ...argued(
    'An empty range is answered then.',
    'server/host/pendingCommands.ts PendingCommands.applied: bound head.answered < position → head.answered <= position',
  ),
  ...argued(
    'All of it are answered, and the next entry forgets it.',
    'server/host/pendingCommands.ts PendingCommands.applied: drop this.forgetHead();',
  ),
  ...argued(
    'Who is told comes back in a later turn, and does not see what is forgotten.',
    'server/host/pendingCommands.ts PendingCommands.applied: swap this.forgetHead(); this.answerRest(head, UNKNOWN); → this.answerRest(head, UNKNOWN); this.forgetHead();',
    'server/host/pendingCommands.ts PendingCommands.readFailed: swap this.reading.delete(token); this.answerAll(lookups, () => outcome); → this.answerAll(lookups, () => outcome); this.reading.delete(token);',
    'server/host/pendingCommands.ts PendingCommands.readFailed: swap this.deciding.delete(token); this.answerRange(queue.waiters, 0, queue.commands.length, outcome); → this.answerRange(queue.waiters, 0, queue.commands.length, outcome); this.deciding.delete(token);',
  ),
  ...argued(
    'A turn is only asked for, and comes later than both.',
    'server/host/replica.ts Replica.submit: swap this.pending.addCommand(command, answerTo, tag); this.wake(); → this.wake(); this.pending.addCommand(command, answerTo, tag);',
    'server/host/replica.ts Replica.lookup: swap this.pending.addLookup(key, answerTo, tag); this.wake(); → this.wake(); this.pending.addLookup(key, answerTo, tag);',
    'server/host/replica.ts Replica.snapshotStored: swap this.engine.snapshotStored(index); this.wake(); → this.wake(); this.engine.snapshotStored(index);',
  ),
  ...argued(
    'The store does not come back inside of persist, and where it throws the server ends.',
    'server/host/replica.ts Replica.carryOut: swap this.lastMark = persist.mark; this.store.persist(persist); → this.store.persist(persist); this.lastMark = persist.mark;',
  ),
  ...argued(
    'A snapshot is of what is applied, whoever leads.',
    'server/host/replica.ts Replica.turn: swap this.noticeStatus(); this.maybeSnapshot(); → this.maybeSnapshot(); this.noticeStatus();',
  ),
  ...argued(
    'The count is looked at after the loop.',
    'server/host/replica.ts Replica.releaseHeld: swap this.environment.send(messages); released++; → released++; this.environment.send(messages);',
  ),
  ...argued(
    'What the engine does of it is seen when it is drained, and no answer depends on it.',
    'server/host/replica.ts Replica.applyAll: swap this.engine.applied(this.appliedIndex); this.answerReads(); → this.answerReads(); this.engine.applied(this.appliedIndex);',
  ),
  ...argued(
    'What passes is then assigned to its own place.',
    'server/host/pendingCommands.ts PendingCommands.sift: bound kept < i → kept <= i',
  ),
  ...argued(
    'Who gets the messages hears them later than both.',
    'server/host/replica.ts Replica.durable: swap this.releaseHeld(mark); this.beginReading(mark); → this.beginReading(mark); this.releaseHeld(mark);',
  ),
  ...argued(
    'The engine does not know the index that the host keeps.',
    'server/host/replica.ts Replica.snapshotStored: swap this.snapshotIndex = Math.max(this.snapshotIndex, index); this.engine.snapshotStored(index); → this.engine.snapshotStored(index); this.snapshotIndex = Math.max(this.snapshotIndex, index);',
  ),
  ...argued(
    'A turn is only asked for, and comes later.',
    'server/host/replica.ts Replica.wake: swap this.turnScheduled = true; this.environment.schedule(() => { this.turnScheduled = false; this.turn(); }); → this.environment.schedule(() => { this.turnScheduled = false; this.turn(); }); this.turnScheduled = true;',
  ),
  ...argued(
    'Facts of the same state, which nobody looks at before all are set.',
    'server/host/replica.ts Replica.restoreOn: swap this.snapshotIndex = restoring.snapshot.index; this.environment.restored?.(restoring.snapshot); → this.environment.restored?.(restoring.snapshot); this.snapshotIndex = restoring.snapshot.index;',
  ),
  ...argued(
    'That a snapshot is stored is told in a later turn, never inside of the call.',
    'server/host/replica.ts Replica.maybeSnapshot: swap this.snapshotInFlight = true; this.store.storeSnapshot(snapshot, this.options.trailingEntries); → this.store.storeSnapshot(snapshot, this.options.trailingEntries); this.snapshotInFlight = true;',
  ),
  ...argued(
    'With what is current nothing is undecided, and of a word there is no status.',
    "server/host/replica.ts Replica.foreseeCurrent: half refusal !== undefined && refusal !== 'undecided' → refusal !== undefined",
  ),
  ...argued(
    'Every process passes where there is no fence: passes() says so, too.',
    'server/host/replica.ts Replica.whyFenced: half fence === undefined || self === undefined → self === undefined',
  ),
  ...argued(
    'Who gets the messages hears them later than both.',
    'server/host/replica.ts Replica.durable: swap this.engine.durable(mark); this.releaseHeld(mark); → this.releaseHeld(mark); this.engine.durable(mark);',
  ),
  ...argued(
    'Nothing is cut off then.',
    'server/host/replica.ts Replica.releaseHeld: bound released > 0 → released >= 0',
  ),
  ...argued(
    'The events of a restored configuration are for the record, and the engine is not asked before its next drain.',
    'server/host/replica.ts Replica.restoreOn: swap this.configurationApplied(); this.engine.applied(this.appliedIndex); → this.engine.applied(this.appliedIndex); this.configurationApplied();',
  ),
  ...argued(
    'What an engine has accepted stands in its log, and so in what it wants written in the same drain.',
    'server/host/replica.ts isQuiet: half output.persist === undefined && output.messages.length === 0 && output.messagesAfterPersist.length === 0 && output.committed.length === 0 && output.accepted.len… → output.persist === undefined && output.messages.length === 0 && output.messagesAfterPersist.length === 0 && output.committed.length === 0',
  ),
  // state machine
  ...argued(
    'Three parts of the state, none of which looks at another; nobody looks at them in between.',
    'server/stateMachine/keyValueStore.ts KeyValueStore.replace: swap this.fencesApplied = fences; this.sessions.replace(used, unused); → this.sessions.replace(used, unused); this.fencesApplied = fences;',
    'server/stateMachine/keyValueStore.ts KeyValueStore.replace: swap this.sessions.replace(used, unused); this.values = values; → this.values = values; this.sessions.replace(used, unused);',
  ),
  ...argued(
    'Two counts, neither of which looks at the other.',
    'server/stateMachine/sparseNumbers.ts SparseNumbers.add: swap block.size++; this.size++; → this.size++; block.size++;',
  ),
  ...argued(
    'A map and a count, neither of which looks at the other.',
    'server/stateMachine/sparseNumbers.ts SparseNumbers.read: swap numbers.blocks.set(key, block); numbers.size += block.size; → numbers.size += block.size; numbers.blocks.set(key, block);',
    'server/stateMachine/sparseNumbers.ts SparseNumbers.dropUpTo: swap this.size -= block.size; this.blocks.delete(key); → this.blocks.delete(key); this.size -= block.size;',
  ),
  ...argued(
    'A bit and a count, neither of which looks at the other.',
    'server/stateMachine/sparseNumbers.ts SparseNumbers.add: swap block.bits[byteOf(number)]! |= bitOf(number); block.size++; → block.size++; block.bits[byteOf(number)]! |= bitOf(number);',
  ),
  ...argued(
    'A number and a set, neither of which looks at the other.',
    'server/stateMachine/session.ts Session.giveUp: swap this.mark = seq; this.above.dropUpTo(seq); → this.above.dropUpTo(seq); this.mark = seq;',
  ),
  ...argued(
    'absorb looks at what is above the mark, and the mark is where the drop ends. Costs an empty set until it is used next.',
    'server/stateMachine/session.ts Session.giveUp: swap this.above.dropUpTo(seq); this.absorb(); → this.absorb(); this.above.dropUpTo(seq);',
  ),
  ...argued(
    'The highest is assigned to itself.',
    'server/stateMachine/sparseNumbers.ts SparseNumbers.add: bound number > this.highest → number >= this.highest',
  ),
  ...argued(
    'Faster only: what follows deletes the same, one by one.',
    'server/stateMachine/sparseNumbers.ts SparseNumbers.dropUpTo: drop for (const [key, block] of this.blocks) { if (key >= last) continue; this.size -= block.size; this.blocks.delete(key); }',
  ),
  ...argued(
    'The keys are those of a map: no two are equal.',
    'server/stateMachine/sparseNumbers.ts SparseNumbers.lowest: bound each < key → each <= key',
  ),
  ...argued(
    'Two lists, neither of which looks at the other; nobody looks at them in between.',
    'server/stateMachine/sessionTable.ts SessionTable.noteUse: swap this.unused.delete(id); this.used.set(id, session); → this.used.set(id, session); this.unused.delete(id);',
  ),
  ...argued(
    'Neither looks at what the other sets.',
    'server/stateMachine/sessionTable.ts SessionTable.register: swap this.newest = index; this.unused.add(index); → this.unused.add(index); this.newest = index;',
  ),
  ...argued(
    'Only spares the work where there is nothing to do.',
    'server/host/stageWatch.ts StageWatch.durable: drop if (this.writes.length === 0) return;',
  ),
  ...argued(
    'No batch holds the command of a lookup, which has none.',
    'server/host/stageWatch.ts Followed.offered: half this.command === undefined || this.token !== undefined → this.token !== undefined',
  ),
  ...argued(
    'Neither looks at what the other changes.',
    'server/host/stageWatch.ts StageWatch.durable: swap this.environment.synced(entries); this.writes.splice(0, done); → this.writes.splice(0, done); this.environment.synced(entries);',
  ),
  ...argued(
    'Who is told comes back in a later turn.',
    'server/host/stageWatch.ts Followed.commandDone: swap this.over(); this.sink.commandDone(tag, outcome); → this.sink.commandDone(tag, outcome); this.over();',
    'server/host/stageWatch.ts Followed.lookupDone: swap this.over(); this.sink.lookupDone(tag, outcome); → this.sink.lookupDone(tag, outcome); this.over();',
  ),
  ...argued(
    'A hand is never at its end, and so goes on with what comes into the emptied map (ECMAScript: iterators of maps).',
    'server/stateMachine/sessionTable.ts SessionTable.replace: drop this.usedHand = this.used.entries();',
    'server/stateMachine/sessionTable.ts SessionTable.replace: drop this.unusedHand = this.unused.values();',
  ),
  ...argued(
    'Neither looks at what the other changes.',
    'server/stateMachine/sessionTable.ts SessionTable.replace: swap this.used.clear(); this.unused.clear(); → this.unused.clear(); this.used.clear();',
    'server/stateMachine/sessionTable.ts SessionTable.replace: swap this.unused.clear(); this.oldestUnused = 0; → this.oldestUnused = 0; this.unused.clear();',
  ),
  // store
  ...argued(
    'Where they are equal, what would be left out is left out already.',
    'server/storage/recovery.ts Scan.add: bound header.durableSequence <= this.durableSequence → header.durableSequence < this.durableSequence',
  ),
  ...argued(
    'Each throws CorruptLogError or does nothing: where both would, another one of the two damages is named.',
    'server/storage/recovery.ts recover: swap throwIfDurableDamaged(scan); scan.throwIfForeign(); → scan.throwIfForeign(); throwIfDurableDamaged(scan);',
  ),
  ...argued(
    'The record of write D is in the chain, or recovery has thrown.',
    'server/storage/recovery.ts recover: bound sequence <= scan.durableSequence → sequence < scan.durableSequence',
  ),
  ...argued(
    'Two places of one header.',
    'server/storage/promisedSlot.ts encodeSlotHeader: swap header.set(MAGIC, MAGIC_AT); header[VERSION_AT] = binding === undefined ? UNBOUND_VERSION : BOUND_VERSION; → header[VERSION_AT] = binding === undefined ? UNBOUND_VERSION : BOUND_VERSION; header.set(MAGIC, MAGIC_AT);',
  ),
  ...argued(
    'Neither is made from what the other sets.',
    'server/storage/promisedSlot.ts decodeSlot: swap records.push(record); at = end; → at = end; records.push(record);',
  ),
  ...argued(
    'One name less of a thousand is tried.',
    'server/storage/dataDirectory.ts nameAside: bound attempt <= ASIDE_NAMES_MAX → attempt < ASIDE_NAMES_MAX',
  ),
  ...argued(
    'Beyond the last run there is none, which compares as greater than any index: the search goes on below it.',
    'server/storage/termRuns.ts TermRuns.at: off by one this.firsts.length - 1 → this.firsts.length',
  ),
  ...argued(
    'A short way for the last run, which the search finds as well.',
    'server/storage/termRuns.ts TermRuns.at: negate high >= 0 → high < 0',
  ),
  ...argued(
    'What is thrown there are errors, and their last cause has no cause.',
    'server/storage/levelDisk.ts innermost: half at instanceof Error && at.cause !== undefined → at.cause !== undefined',
  ),
  ...argued(
    'The same bytes under two names.',
    'server/storage/level/table.ts blockEntries: swap next.set(block.subarray(reader.pos, keyEnd), shared); key = next; → key = next; next.set(block.subarray(reader.pos, keyEnd), shared);',
  ),
  ...argued(
    'Of what ends too early the checksum is another one.',
    'server/storage/promisedSlot.ts decodeSlot: half length < FIELDS_AT || length > bytes.length → length < FIELDS_AT',
  ),
  ...argued(
    'Two copies of two arrays.',
    'server/storage/chunkIndex.ts ChunkIndex.makeRoom: swap firsts.set(this.firsts.subarray(this.start, this.end)); sequences.set(this.sequences.subarray(this.start, this.end)); → sequences.set(this.sequences.subarray(this.start, this.end)); firsts.set(this.firsts.subarray(this.start, this.end));',
  ),
  ...argued(
    'Chunks and what was not written on the one side, terms on the other: neither looks at the other.',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.install: swap this.discardFrom(this.baseIndex + 1, snapshot.index + 1); this.terms.clear(); → this.terms.clear(); this.discardFrom(this.baseIndex + 1, snapshot.index + 1);',
  ),
  ...argued(
    'An earlier mark then counts as durable together with the next one instead of before it: later, never sooner.',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.truncate: half i >= 0 && this.marks[i]!.lastIndex >= index → i >= 0',
  ),
  ...argued(
    'Keeps two numbers a term in memory that nobody can ask for: term() looks at the base first.',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.compact: drop this.terms.dropUpTo(base);',
  ),
  ...argued(
    'What both bury goes by one write, and in whatever order, beside each other.',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.storeSnapshot: swap this.compact(base); this.replaceSnapshot(snapshot); → this.replaceSnapshot(snapshot); this.compact(base);',
  ),
  ...argued(
    'What has no cursor is searched from its first entry, where a new cursor stands.',
    'server/storage/chunkCache.ts LoadedChunk.constructor: drop this.cursorIndex = firstIndex;',
  ),
  ...argued(
    'Decides only when the cooled ones at the front are cut off.',
    'server/storage/chunkCache.ts ChunkCache.coolOldest: negate this.hotStart < HOT_QUEUE_SLACK → this.hotStart >= HOT_QUEUE_SLACK',
    'server/storage/chunkCache.ts ChunkCache.coolOldest: drop if (this.hotStart < HOT_QUEUE_SLACK) return;',
    'server/storage/chunkCache.ts ChunkCache.coolOldest: bound this.hotStart < HOT_QUEUE_SLACK → this.hotStart <= HOT_QUEUE_SLACK',
  ),
  ...argued(
    'A short way for the last chunk, which the search finds as well.',
    'server/storage/chunkIndex.ts ChunkIndex.find: drop if (this.firsts[high]! <= index) return high - this.start;',
    'server/storage/chunkIndex.ts ChunkIndex.find: bound this.firsts[high]! <= index → this.firsts[high]! < index',
  ),
  ...argued(
    'A batch that fits neither is refused by the one error or the other.',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.persist: swap this.throwIfClosed(); this.check(batch); → this.check(batch); this.throwIfClosed();',
  ),
  ...argued(
    'That a write is done is told in a later turn, never inside of the call.',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.write: swap this.remains = []; this.disk.write(operations, sync, (error) => this.done(error)); → this.disk.write(operations, sync, (error) => this.done(error)); this.remains = [];',
  ),
  ...argued(
    'Who waits for the closing hears of it in a later turn.',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.fail: swap this.listener.failed(error); this.finishClosing(); → this.finishClosing(); this.listener.failed(error);',
  ),
  ...argued(
    'One error to who asked, and the next write is on its way a little later: the order of what is told is that of the writes.',
    'server/storage/levelDisk.ts LevelDisk.finish: swap this.writeNext(); write.done(error); → write.done(error); this.writeNext();',
  ),
  ...argued(
    'A store that could not be opened is not written to.',
    "server/storage/promisedDisk.ts PromisedDisk.recover: swap checkBinding(this.binding); this.state = 'confirmed'; → this.state = 'confirmed'; checkBinding(this.binding);",
  ),
  ...argued(
    'Both go on side by side, and either may be done first.',
    'server/storage/promisedDisk.ts PromisedDisk.writeBoth: swap this.disk.write(operations, true, half); this.mark(written, records, half); → this.mark(written, records, half); this.disk.write(operations, true, half);',
  ),
  ...argued(
    'Both slots say the same then.',
    'server/storage/promisedDisk.ts isLater: bound (one.binding?.count ?? 0) > (other.binding?.count ?? 0) → (one.binding?.count ?? 0) >= (other.binding?.count ?? 0)',
  ),
  ...argued(
    'They are not equal there.',
    'server/storage/promisedDisk.ts isLater: bound one.sequence > other.sequence → one.sequence >= other.sequence',
  ),
  ...argued(
    'The one is for the slots that are written later, the other is part of each.',
    'server/storage/promisedDisk.ts PromisedDisk.constructor: swap this.storeId = promised.storeId; this.nameBinding(promised.binding); → this.nameBinding(promised.binding); this.storeId = promised.storeId;',
  ),
  ...argued(
    'It is undefined where nothing was assigned.',
    'server/storage/promisedDisk.ts PromisedDisk.constructor: drop this.promised = undefined;',
  ),
  ...argued(
    'What a recovery found dead was replaced by the last write, which no record calls durable yet: the first write deletes none of it either way.',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.constructor: drop this.anchoredSequence = recovered.anchoredSequence;',
  ),
  ...argued(
    'Where there is no last record, none is a state record.',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.constructor: half last !== undefined && recovered.lastIsState → recovered.lastIsState',
  ),
  ...argued(
    'The one forgets at the end, the other at the beginning.',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.loadChunks: swap this.terms.truncateFrom(this.freshFirst); this.terms.dropUpTo(this.baseIndex); → this.terms.dropUpTo(this.baseIndex); this.terms.truncateFrom(this.freshFirst);',
  ),
  ...argued(
    'Keeps two numbers a term in memory that nobody can ask for: term() looks at the base first.',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.loadChunks: drop this.terms.dropUpTo(this.baseIndex);',
  ),
  ...argued(
    'The term of the base was given above.',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.term: bound index < this.baseIndex → index <= this.baseIndex',
  ),
  ...argued(
    'A value that is missing has no header.',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.load: half header === undefined || value === undefined → header === undefined',
  ),
  ...argued(
    'From right after the end there is nothing to cut off, and from further on nobody cuts (check).',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.truncate: drop if (index > this.lastIndex) return;',
  ),
  ...argued(
    'Where all that is cut off was not written yet, both cut it off.',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.truncate: bound index >= this.freshFirst → index > this.freshFirst',
  ),
  ...argued(
    'One entry more is written than anybody asks for.',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.compact: bound base >= this.freshFirst → base > this.freshFirst',
  ),
  ...argued(
    'The next record names the new one, which is written with it.',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.replaceSnapshot: drop this.snapshotReference = undefined;',
  ),
];
