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
  ...argued(
    'Only who is silent is late.',
    "server/identity/asking.ts Patience.heard: half answer.kind === 'silent' && answer.isLate === true → answer.isLate === true",
  ),
  ...argued(
    'Two timers, of two times.',
    'server/identity/asking.ts askAll: swap asker.after(0, look); asker.after(asker.times.leastMs, () => { isLong = true; look(); }); → asker.after(asker.times.leastMs, () => { isLong = true; look(); }); asker.after(0, look);',
  ),
  ...argued(
    'Nothing is heard while it runs.',
    'server/identity/asking.ts askAll: swap isOpen = false; then(all()); → then(all()); isOpen = false;',
  ),
  ...argued(
    'Neither looks at what the other changes.',
    'server/identity/hearsay.ts Hearsay.put: swap patience.heard(peer, answer, asker.nowMs() - startMs); this.answeredMs.set(peer, asker.nowMs()); → this.answeredMs.set(peer, asker.nowMs()); patience.heard(peer, answer, asker.nowMs() - startMs);',
    'server/identity/hearsay.ts Hearsay.put: swap this.waiting.delete(peer); this.note(answer); → this.note(answer); this.waiting.delete(peer);',
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
    'server/storage/chunkedLogStore.ts ChunkedLogStore.install: swap this.terms.clear(); this.marked.clear(); → this.marked.clear(); this.terms.clear();',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.install: swap this.marked.clear(); this.baseIndex = snapshot.index; → this.baseIndex = snapshot.index; this.marked.clear();',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.truncate: swap this.terms.truncateFrom(index); this.marked.truncateFrom(index); → this.marked.truncateFrom(index); this.terms.truncateFrom(index);',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.bury: swap this.cache.delete(sequence); this.dead.add(chunkKey(firstIndex, sequence), this.nextSequence); → this.dead.add(chunkKey(firstIndex, sequence), this.nextSequence); this.cache.delete(sequence);',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.compact: swap this.terms.dropUpTo(base); this.marked.dropUpTo(base); → this.marked.dropUpTo(base); this.terms.dropUpTo(base);',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.writeRecord: swap this.chunks.push(first, sequence); this.cache.add(chunk); → this.cache.add(chunk); this.chunks.push(first, sequence);',
    'server/storage/garbage.ts Garbage.take: swap this.start++; into(next.key); → into(next.key); this.start++;',
    'server/storage/level/table.ts blockEntries: swap next.set(key.subarray(0, shared)); next.set(block.subarray(reader.pos, keyEnd), shared); → next.set(block.subarray(reader.pos, keyEnd), shared); next.set(key.subarray(0, shared));',
    'server/storage/level/table.ts blockEntries: swap entries.push({ key, value: block.subarray(keyEnd, keyEnd + valueBytes) }); reader.pos = keyEnd + valueBytes; → reader.pos = keyEnd + valueBytes; entries.push({ key, value: block.subarray(keyEnd, keyEnd + valueBytes) });',
    'server/storage/levelDisk.ts LevelDisk.write: swap this.keysAtOpen = undefined; this.queue.push({ operations, sync, done }); → this.queue.push({ operations, sync, done }); this.keysAtOpen = undefined;',
    'server/storage/openLogStore.ts openLevelLogStore: swap await area?.close(); await level.close(); → await level.close(); await area?.close();',
    'server/storage/record.ts encodeRecord: swap value.set(header.subarray(0, pos)); writeEntries(entries, value, pos); → writeEntries(entries, value, pos); value.set(header.subarray(0, pos));',
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
    'server/host/replica.ts Replica.storeSnapshot: swap this.snapshotInFlight = true; this.store.storeSnapshot(snapshot, this.trailingEntries, () => this.engine.sending()); → this.store.storeSnapshot(snapshot, this.trailingEntries, () => this.engine.sending()); this.snapshotInFlight = true;',
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
  ...argued(
    'Two counts, neither of which looks at the other.',
    'server/host/appliedPace.ts AppliedPace.applied: swap this.current.commands++; this.current.bytes += bytes; → this.current.bytes += bytes; this.current.commands++;',
  ),
  // state machine
  ...argued(
    'Three parts of the state, none of which looks at another; nobody looks at them in between.',
    'server/stateMachine/keyValueStore.ts KeyValueStore.replace: swap this.fencesApplied = fences!; this.sessions.replace(used, unused, holding); → this.sessions.replace(used, unused, holding); this.fencesApplied = fences!;',
    'server/stateMachine/keyValueStore.ts KeyValueStore.replace: swap this.sessions.replace(used, unused, holding); this.values = values; → this.values = values; this.sessions.replace(used, unused, holding);',
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
  ...argued(
    'Neither looks at what the other changes.',
    'server/host/replica.ts Replica.durable: swap this.stages?.durable(mark); this.engine.durable(mark); → this.engine.durable(mark); this.stages?.durable(mark);',
    'server/host/replica.ts Replica.carryOut: swap this.stages?.writing(persist.mark, persist.entries.length); this.lastMark = persist.mark; → this.lastMark = persist.mark; this.stages?.writing(persist.mark, persist.entries.length);',
    'server/host/replica.ts Replica.accept: swap this.pending.accept(accepted); this.stages?.accepted(accepted); → this.stages?.accepted(accepted); this.pending.accept(accepted);',
    'server/host/replica.ts Replica.apply: swap this.appliedBytes += entry.data.length; this.pace.applied(entry.data.length); → this.pace.applied(entry.data.length); this.appliedBytes += entry.data.length;',
    'server/host/pendingCommands.ts PendingCommands.addCommand: swap this.count(command.length); this.arrivedBytes += command.length; → this.arrivedBytes += command.length; this.count(command.length);',
    'server/host/pendingCommands.ts PendingCommands.count: swap this.size++; this.bytes += size; → this.bytes += size; this.size++;',
  ),
  ...argued(
    'Divided by 0 neither is a number, and none is greater than another.',
    'server/host/snapshotTaking.ts isSnapshotDue: drop if (everyEntries === 0) return false;',
  ),
  ...argued(
    'They are two parts of one array.',
    'server/stateMachine/keyValueStore.ts KeyValueStore.snapshot: swap bytes.set(head); this.values.readAll(bytes, head.length); → this.values.readAll(bytes, head.length); bytes.set(head);',
  ),
  ...argued(
    'Neither looks at what the other changes.',
    'server/stateMachine/keyValueStore.ts KeyValueStore.openSnapshot: swap into.set(part, at); headRead += part.length; → headRead += part.length; into.set(part, at);',
  ),
];
