import { argued, type Equivalent } from './equivalent.ts';

/** What survives in the store and is no mistake. */
export const STORE_EQUIVALENTS: readonly Equivalent[] = [
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
    'One error to who asked, and the next write is on its way a little later: the order of what is told is that of the writes.',
    'server/storage/levelDisk.ts LevelDisk.finish: swap this.writeNext(); write.done(error); → write.done(error); this.writeNext();',
  ),
  ...argued(
    'A store that could not be opened is not written to.',
    "server/storage/promisedDisk.ts PromisedDisk.recover: swap checkBinding(this.binding); this.state = 'confirmed'; → this.state = 'confirmed'; checkBinding(this.binding);",
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
  ...argued(
    'Of a record without entries nobody reads the term before the first of them.',
    'server/storage/chunkedLogStore.ts ChunkedLogStore.writeRecord: off by one lastIndex + 1 → lastIndex',
  ),
  ...argued(
    'What is no text is none of the codes that it is compared with; where there is no code it is undefined; and what is thrown there are errors.',
    "server/storage/levelDisk.ts codesOf: half 'code' in at && typeof at.code === 'string' → 'code' in at",
    "server/storage/levelDisk.ts codesOf: half 'code' in at && typeof at.code === 'string' → typeof at.code === 'string'",
    "server/storage/dataDirectory.ts codeOf: half error instanceof Error && 'code' in error && typeof error.code === 'string' → error instanceof Error && 'code' in error",
    "server/storage/dataDirectory.ts codeOf: half error instanceof Error && 'code' in error && typeof error.code === 'string' → typeof error.code === 'string'",
    "server/storage/dataDirectory.ts codeOf: half error instanceof Error && 'code' in error → error instanceof Error",
    "server/storage/dataDirectory.ts codeOf: half error instanceof Error && 'code' in error → 'code' in error",
    "server/storage/promisedFile.ts codeOf: half error instanceof Error && 'code' in error → error instanceof Error",
    "server/storage/promisedFile.ts codeOf: half error instanceof Error && 'code' in error → 'code' in error",
    "server/storage/level/checkFiles.ts checked: half error instanceof Error && 'code' in error → 'code' in error",
  ),
  ...argued(
    'That long it costs about as much either way.',
    'server/storage/levelDisk.ts LevelDisk.commit: bound first!.value.length >= ALONE_BYTES_MIN → first!.value.length > ALONE_BYTES_MIN',
  ),
  ...argued(
    'Reckons the same number again for each piece.',
    'server/storage/piecedDisk.ts PiecedDisk.constructor: drop if (this.counts.has(of)) continue;',
  ),
  ...argued(
    'There is no room for one piece more.',
    'server/storage/piecedDisk.ts PiecedDisk.get: bound number < countOf(head) → number <= countOf(head)',
  ),
  ...argued(
    'What is to be deleted is not large.',
    'server/storage/piecedDisk.ts PiecedDisk.writePieces: half value === null || !this.isLarge(operation) → !this.isLarge(operation)',
  ),
  ...argued(
    'Neither looks at what the other changes.',
    'server/storage/piecedDisk.ts PiecedDisk.pass: swap this.counts.delete(key); this.wasted(Array.from({ length: count }, (_, at) => pieceKey(key, at))); → this.wasted(Array.from({ length: count }, (_, at) => pieceKey(key, at))); this.counts.delete(key);',
    'server/storage/piecedDisk.ts PiecedDisk.pass: swap this.wasted(Array.from({ length: count }, (_, at) => pieceKey(key, at))); isSynced = true; → isSynced = true; this.wasted(Array.from({ length: count }, (_, at) => pieceKey(key, at)));',
    'server/storage/piecedDisk.ts PiecedDisk.takeDeletable: swap this.deletable.delete(key); taken.push({ key, value: null }); → taken.push({ key, value: null }); this.deletable.delete(key);',
    'server/storage/piecedDisk.ts encodeHead: swap head[CRC_BYTES + 1] = HEAD_KIND; view.setBigUint64(CRC_BYTES + 2, BigInt(valueBytes)); → view.setBigUint64(CRC_BYTES + 2, BigInt(valueBytes)); head[CRC_BYTES + 1] = HEAD_KIND;',
    'server/storage/piecedDisk.ts encodeHead: swap view.setBigUint64(CRC_BYTES + 2, BigInt(valueBytes)); view.setUint32(CRC_BYTES + 10, pieceBytes); → view.setUint32(CRC_BYTES + 10, pieceBytes); view.setBigUint64(CRC_BYTES + 2, BigInt(valueBytes));',
  ),
  ...argued(
    'Where nothing waits to be deleted there is nothing to release.',
    'server/storage/piecedDisk.ts PiecedDisk.pass: half !isSynced || this.waste.length === 0 → !isSynced',
  ),
  ...argued(
    'Each throws or does nothing: where both would, another objection is named.',
    'server/storage/promisedDisk.ts PromisedDisk.recover: swap this.confirm(opened.report); checkBinding(this.binding); → checkBinding(this.binding); this.confirm(opened.report);',
    'server/storage/openLogStore.ts openLevelLogStore: swap area = await PromisedFile.open(promisedFile(location)); throwIfOtherGroups(level, THE_GROUP); → throwIfOtherGroups(level, THE_GROUP); area = await PromisedFile.open(promisedFile(location));',
  ),
  ...argued(
    'Only spares the work where nothing is laid over the disk.',
    'server/storage/promisedDisk.ts PromisedDisk.keys: drop if (this.overlay.size === 0) return found;',
  ),
  ...argued(
    'Only spares the work where all terms are equal.',
    'server/storage/record.ts termRunsOf: drop if (entries[entries.length - 1]!.term === first.term) return runs;',
  ),
  ...argued(
    'The version and the kind are both 1.',
    'server/storage/record.ts encodeRecord: swap header[pos++] = FORMAT_VERSION; header[pos++] = RECORD_KIND; → header[pos++] = RECORD_KIND; header[pos++] = FORMAT_VERSION;',
  ),
  ...argued(
    'A value that is missing is damaged.',
    'server/storage/record.ts decodeRecordHeader: half damage !== undefined || value === undefined → damage !== undefined',
  ),
  ...argued(
    'Decides only when the taken ones at the front are cut off.',
    'server/storage/garbage.ts Garbage.take: negate this.start >= QUEUE_SLACK → this.start < QUEUE_SLACK',
    'server/storage/garbage.ts Garbage.take: bound this.start >= QUEUE_SLACK → this.start > QUEUE_SLACK',
  ),
  ...argued(
    'A folder may take the place of an empty one (POSIX, rename).',
    'server/storage/dataDirectory.ts prepareDataDirectory: drop await rmdir(location);',
  ),
  ...argued(
    'Who waits for a lock waits for one that somebody holds, who has a line too.',
    "server/storage/level/lock.ts isLocked: half !line.includes('->') && line.includes(`:${ino} `) → line.includes(`:${ino} `)",
  ),
  ...argued(
    'Faster only: one byte at a time gives the same.',
    'server/storage/level/crc32c.ts crc32c: drop for (const last = end - SLICES; i <= last; i += SLICES) { const low = crc ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)); …',
    'server/storage/level/crc32c.ts crc32c: bound i <= last → i < last',
  ),
  ...argued(
    'Neither looks at what the other changes.',
    "server/storage/level/levelLog.ts readLevelLog: swap drop(at, 'a piece is longer than its block'); pieces = undefined; → pieces = undefined; drop(at, 'a piece is longer than its block');",
    "server/storage/level/levelLog.ts readLevelLog: swap drop(at, 'its checksum is wrong'); pieces = undefined; → pieces = undefined; drop(at, 'its checksum is wrong');",
    'server/storage/level/levelLog.ts readLevelLog: swap drop(at, `a piece of type ${type}`); pieces = undefined; → pieces = undefined; drop(at, `a piece of type ${type}`);',
  ),
  ...argued(
    'Reads the keys of the blocks in the middle as well.',
    'server/storage/level/table.ts checkTable: drop if (position > 0 && position < blocks.length - 1) continue;',
  ),
  ...argued(
    'Reads once more what was read.',
    'server/storage/level/table.ts BlockReader.read: bound offset >= this.windowStart → offset > this.windowStart',
    'server/storage/level/table.ts BlockReader.read: bound offset + length <= this.windowStart + this.window.length → offset + length < this.windowStart + this.window.length',
  ),
  ...argued(
    'What was not read is zeros, which fit no checksum and are no end of a table.',
    'server/storage/level/table.ts BlockReader.read: drop if (bytesRead < window.length) throw new Error(`it ends at byte ${offset + bytesRead}`);',
  ),
  ...argued(
    'LevelDB ends a block with one restart at least.',
    'server/storage/level/table.ts blockEntries: bound block.length < 4 → block.length <= 4',
  ),
  ...argued(
    'A short way for the last run, which the search finds as well.',
    'server/storage/termRuns.ts TermRuns.at: bound high >= 0 → high > 0',
    'server/storage/termRuns.ts TermRuns.at: bound this.firsts[high]! <= index → this.firsts[high]! < index',
  ),
  ...argued(
    'Where there is no run, none is at 0 either: nothing is less than or equal to an index.',
    'server/storage/termRuns.ts TermRuns.at: half high >= 0 && this.firsts[low]! <= index → this.firsts[low]! <= index',
  ),
  ...argued(
    'The index is in the log, so a run holds it.',
    'server/storage/termRuns.ts TermRuns.at: half high >= 0 && this.firsts[low]! <= index → high >= 0',
  ),
  ...argued(
    'A value that is missing is damaged.',
    'server/storage/snapshotRecord.ts decodeSnapshot: half damage !== undefined || value === undefined → damage !== undefined',
  ),
  ...argued(
    'Where there is no run, undefined is no term, and neither less than or equal to an index nor greater.',
    'server/storage/termRuns.ts TermRuns.append: half this.terms.length > 0 && this.terms[this.terms.length - 1] === term → this.terms[this.terms.length - 1] === term',
    'server/storage/termRuns.ts TermRuns.truncateFrom: half this.firsts.length > 0 && this.firsts[this.firsts.length - 1]! >= index → this.firsts[this.firsts.length - 1]! >= index',
    'server/storage/termRuns.ts TermRuns.dropUpTo: half dead + 1 < this.firsts.length && this.firsts[dead + 1]! <= index + 1 → this.firsts[dead + 1]! <= index + 1',
    'server/storage/termRuns.ts TermRuns.dropUpTo: bound dead + 1 < this.firsts.length → dead + 1 <= this.firsts.length',
    'server/storage/termRuns.ts TermRuns.dropUpTo: off by one dead + 1 → dead',
    'server/storage/termRuns.ts TermRuns.at: half high >= 0 && this.firsts[high]! <= index → this.firsts[high]! <= index',
  ),
  ...argued(
    'Only spares the work where there is nothing to do.',
    'server/storage/termRuns.ts TermRuns.dropUpTo: drop if (dead === 0) return;',
  ),
  ...argued(
    'A short way for the last run, which the search finds as well.',
    'server/storage/termRuns.ts TermRuns.at: drop if (high >= 0 && this.firsts[high]! <= index) return this.terms[high];',
  ),
  ...argued(
    'What was found is covered when a journal is made: its first turn waits for nothing, wherever its end was.',
    'server/storage/journal.ts Journal.constructor: drop this.otherEnd = end.number;',
  ),
  ...argued(
    'An entry that would just fit goes the longer way, which is as safe.',
    'server/storage/journal.ts Journal.hasRoom: bound headerBytes <= Math.min(HEADER_OPERATIONS_BYTES_MAX, halfBytes / HALF_PARTS) → headerBytes < Math.min(HEADER_OPERATIONS_BYTES_MAX, halfBytes / HALF_PARTS)',
  ),
  ...argued(
    'Neither is made from what the other sets.',
    'server/storage/journal.ts Journal.create: swap this.half = 0; this.move(bytes); → this.move(bytes); this.half = 0;',
    'server/storage/journal.ts Journal.encode: swap pieces.push(value); bytes += value.length; → bytes += value.length; pieces.push(value);',
    'server/storage/journal.ts Journal.encode: swap pieces.push(this.zeros.subarray(left)); bytes += blockBytes - left; → bytes += blockBytes - left; pieces.push(this.zeros.subarray(left));',
    'server/storage/journalEntry.ts readEntry: swap found = crc32(value, found); operations.push({ key, value }); → operations.push({ key, value }); found = crc32(value, found);',
    'server/storage/laggingDisk.ts LaggingDisk.put: swap this.waiting.push(operation); this.waitingBytes += value?.length ?? 0; → this.waitingBytes += value?.length ?? 0; this.waiting.push(operation);',
    'server/storage/laggingDisk.ts LaggingDisk.put: swap this.waitingBytes += value?.length ?? 0; this.shown.set(key, { value, batch: this.batch }); → this.shown.set(key, { value, batch: this.batch }); this.waitingBytes += value?.length ?? 0;',
  ),
  ...argued(
    'What is begun here is done in a later turn.',
    'server/storage/journal.ts Journal.turn: swap this.cover((error) => { if (error === null) this.covered = Math.max(this.covered, number); else this.failure = error; const { waiting } = this; this.waiting = u… → done(null); this.cover((error) => { if (error === null) this.covered = Math.max(this.covered, number); else this.failure = error; const { waiting } = this; this…',
    'server/storage/laggingDisk.ts LaggingDisk.write: swap this.writing++; this.disk.write(all, sync, (error) => { this.writing--; const isFirstFailure = error !== null && this.failed === null; this.failed ??= error; if… → this.disk.write(all, sync, (error) => { this.writing--; const isFirstFailure = error !== null && this.failed === null; this.failed ??= error; if (error === null…',
  ),
  ...argued(
    'Who waited finds the half covered, and waits for nothing more in this turn.',
    'server/storage/journal.ts Journal.turn: swap this.waiting = undefined; waiting?.(); → waiting?.(); this.waiting = undefined;',
  ),
  ...argued(
    'Places of one header.',
    'server/storage/journalEntry.ts encodeEntryHeader: swap header.set(MAGIC, MAGIC_AT); header[VERSION_AT] = ENTRY_VERSION; → header[VERSION_AT] = ENTRY_VERSION; header.set(MAGIC, MAGIC_AT);',
    'server/storage/journalEntry.ts encodeEntryHeader: swap header[VERSION_AT] = ENTRY_VERSION; header.set(storeId, ID_AT); → header.set(storeId, ID_AT); header[VERSION_AT] = ENTRY_VERSION;',
    'server/storage/journalEntry.ts encodeEntryHeader: swap header.set(storeId, ID_AT); header.set(binding, FIELDS_AT); → header.set(binding, FIELDS_AT); header.set(storeId, ID_AT);',
  ),
  ...argued(
    'Where a slot may be, what is of another version was refused before.',
    'server/storage/journalEntry.ts decodeEntry: half maybeSlot && isSlot(version) → maybeSlot',
  ),
  ...argued(
    'A header that is said to end elsewhere has another checksum, and one that ends within its fixed fields is malformed.',
    'server/storage/journalEntry.ts headerLengthOf: drop if (length < FIELDS_AT || length > bytes.length) return undefined;',
    'server/storage/journalEntry.ts headerLengthOf: half length < FIELDS_AT || length > bytes.length → length < FIELDS_AT',
    'server/storage/journalEntry.ts headerLengthOf: half length < FIELDS_AT || length > bytes.length → length > bytes.length',
    'server/storage/journalEntry.ts headerLengthOf: bound length < FIELDS_AT → length <= FIELDS_AT',
  ),
  ...argued(
    'Of what ends too early the checksum is another one.',
    'server/storage/journalEntry.ts readEntry: drop if (end > bytes.length) return undefined;',
    'server/storage/journalEntry.ts readSlot: drop if (end > bytes.length) return undefined;',
  ),
  ...argued(
    'Where there is an entry there is the name of a store.',
    'server/storage/journalReading.ts readJournal: half id === undefined || Buffer.compare(entry.storeId, id) === 0 → Buffer.compare(entry.storeId, id) === 0',
  ),
  ...argued(
    'Of no bytes nothing is decoded.',
    'server/storage/journalReading.ts entriesIn: bound at < found.length → at <= found.length',
  ),
  ...argued(
    'Two that are equal in this were told apart before, or are of one start and one write.',
    'server/storage/journalReading.ts isLater: bound one.number > other.number → one.number >= other.number',
    'server/storage/journalReading.ts isLater: bound one.sequence > other.sequence → one.sequence >= other.sequence',
    'server/storage/journalReading.ts isLater: bound countOf(one.binding) > countOf(other.binding) → countOf(one.binding) >= countOf(other.binding)',
  ),
  ...argued(
    'While something is being written, to be asked to write is to be asked again; and of nothing that waits nothing is written.',
    'server/storage/laggingDisk.ts LaggingDisk.write: half this.writing === 0 && this.again → this.again',
    'server/storage/laggingDisk.ts LaggingDisk.write: swap this.again = false; this.flush(); → this.flush(); this.again = false;',
  ),
  ...argued(
    'Neither is made from what the other sets.',
    'server/storage/promisedDisk.ts PromisedDisk.bind: swap this.seal = this.sealOf(this.binding); this.waiting.push(done); → this.waiting.push(done); this.seal = this.sealOf(this.binding);',
  ),
  ...argued(
    'A write is done in a later turn.',
    "server/storage/promisedDisk.ts PromisedDisk.bind: swap this.waiting.push(done); this.carryOut([(next) => this.journal.append(this.last, this.seal, [], next)], 'settled'); → this.carryOut([(next) => this.journal.append(this.last, this.seal, [], next)], 'settled'); this.waiting.push(done);",
    'server/storage/promisedFile.ts PromisedFile.create: swap this.foundBytes = undefined; this.make(pieces).then( () => done(null), (error: unknown) => done(this.failure(error)), ); → this.make(pieces).then( () => done(null), (error: unknown) => done(this.failure(error)), ); this.foundBytes = undefined;',
  ),
  ...argued(
    'Only gives memory back sooner: what is beyond copying is not copied.',
    'server/storage/promisedDisk.ts PromisedDisk.take: drop this.copied = [];',
  ),
];
