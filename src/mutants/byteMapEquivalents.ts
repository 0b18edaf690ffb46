import { argued, type Equivalent } from './equivalent.ts';

/** What survives in the map of bytes and is no mistake. */
export const BYTE_MAP_EQUIVALENTS: readonly Equivalent[] = [
  ...argued(
    'A table, an index and a count, none of which looks at another before the next call.',
    'server/stateMachine/byteMap/byteMap.ts ByteMap.add: swap this.addresses.set(entry, this.records.append(entry, source, keyStart, keyEnd, from, to)); this.index.add(hash, entry); → this.index.add(hash, entry); this.addresses.set(entry, this.records.append(entry, source, keyStart, keyEnd, from, to));',
    'server/stateMachine/byteMap/byteMap.ts ByteMap.add: swap this.index.add(hash, entry); this.contentBytes += fieldBytes(keyEnd - keyStart) + fieldBytes(to - from); → this.contentBytes += fieldBytes(keyEnd - keyStart) + fieldBytes(to - from); this.index.add(hash, entry);',
  ),
  ...argued(
    'A closed view needs nothing any more: it costs its memory until the next one is opened.',
    'server/stateMachine/byteMap/byteMap.ts ByteMap.closeView: drop this.view = undefined;',
  ),
  ...argued(
    'Neither looks at what the other changes.',
    'server/stateMachine/byteMap/byteMap.ts ByteMap.closeView: swap view.close(); this.view = undefined; → this.view = undefined; view.close();',
    'server/stateMachine/byteMap/keyIndex.ts KeyIndex.makeRoom: swap this.directory = this.directory.flatMap((each) => [each, each]); this.depth++; → this.depth++; this.directory = this.directory.flatMap((each) => [each, each]);',
    'server/stateMachine/byteMap/keyIndex.ts KeyIndex.split: swap this.directory.fill(low, first, first + places / 2); this.directory.fill(high, first + places / 2, first + places); → this.directory.fill(high, first + places / 2, first + places); this.directory.fill(low, first, first + places / 2);',
    'server/stateMachine/byteMap/keyIndex.ts KeyIndex.split: swap this.directory.fill(high, first + places / 2, first + places); this.segmentCount++; → this.segmentCount++; this.directory.fill(high, first + places / 2, first + places);',
    'server/stateMachine/byteMap/keyIndex.ts KeyIndex.split: swap this.segmentCount++; this.slotCount += (low.slots.length + high.slots.length - slots.length) / 2; → this.slotCount += (low.slots.length + high.slots.length - slots.length) / 2; this.segmentCount++;',
    'server/stateMachine/byteMap/mapView.ts MapView.hold: swap this.held.set(entry, address); this.records.hold(address); → this.records.hold(address); this.held.set(entry, address);',
    'server/stateMachine/byteMap/records.ts Records.read: swap head.set(bytes.subarray(start, keyEnd)); writeVarint(head, keyEnd - start, value.length); → writeVarint(head, keyEnd - start, value.length); head.set(bytes.subarray(start, keyEnd));',
    'server/stateMachine/byteMap/records.ts Records.letGo: swap slab.held--; this.dropApart(slab, address); → this.dropApart(slab, address); slab.held--;',
    'server/stateMachine/byteMap/records.ts Records.letGo: swap this.dropApart(slab, address); this.releaseIfEmpty(slab); → this.releaseIfEmpty(slab); this.dropApart(slab, address);',
    'server/stateMachine/byteMap/records.ts Records.drop: swap this.dropApart(slab, address); this.lose(slab, address); → this.lose(slab, address); this.dropApart(slab, address);',
    'server/stateMachine/byteMap/records.ts Records.lose: swap this.walkDue += WALKED_PER_GIVEN_UP * size; this.leaveIfHalfEmpty(slab); → this.leaveIfHalfEmpty(slab); this.walkDue += WALKED_PER_GIVEN_UP * size;',
    'server/stateMachine/byteMap/records.ts Records.leaveIfHalfEmpty: swap slab.isLeft = true; this.left.push(slab); → this.left.push(slab); slab.isLeft = true;',
    'server/stateMachine/byteMap/records.ts Records.releaseIfEmpty: swap this.slabs[slab.id] = undefined; this.freeIds.push(slab.id); → this.freeIds.push(slab.id); this.slabs[slab.id] = undefined;',
    'server/stateMachine/byteMap/records.ts Records.releaseIfEmpty: swap this.freeIds.push(slab.id); this.slabBytes -= slab.bytes.length; → this.slabBytes -= slab.bytes.length; this.freeIds.push(slab.id);',
  ),
  ...argued(
    'An array grows by being assigned to as well.',
    'server/stateMachine/byteMap/entryTable.ts EntryTable.set: bound this.segments.length <= at → this.segments.length < at',
  ),
  ...argued(
    'Faster only: it compares the keys of hashes that are not equal, too.',
    'server/stateMachine/byteMap/keyIndex.ts KeyIndex.find: half slots[at] === hash && this.keys.isKey(entryPlusOne - 1, source, start, end) → this.keys.isKey(entryPlusOne - 1, source, start, end)',
  ),
  ...argued(
    'Where there is no room nothing is copied, and the reading ends with that.',
    'server/stateMachine/byteMap/mapView.ts MapView.read: half pos < end && this.next < this.count → this.next < this.count',
    'server/stateMachine/byteMap/mapView.ts MapView.read: bound pos < end → pos <= end',
  ),
  ...argued(
    'What came after the view was made is not held by it.',
    'server/stateMachine/byteMap/mapView.ts MapView.close: bound this.next < this.count → this.next <= this.count',
  ),
  ...argued(
    'A record has room for a word at least.',
    'server/stateMachine/byteMap/records.ts Records.rewrite: bound roomAndFlag >= APART_FLAG → roomAndFlag > APART_FLAG',
    'server/stateMachine/byteMap/records.ts Records.value: bound words[start / WORD_BYTES - 1]! >= APART_FLAG → words[start / WORD_BYTES - 1]! > APART_FLAG',
    'server/stateMachine/byteMap/records.ts Records.valueLength: bound words[start / WORD_BYTES - 1]! >= APART_FLAG → words[start / WORD_BYTES - 1]! > APART_FLAG',
    'server/stateMachine/byteMap/records.ts Records.size: bound words[start / WORD_BYTES - 1]! < APART_FLAG → words[start / WORD_BYTES - 1]! <= APART_FLAG',
    'server/stateMachine/byteMap/records.ts Records.read: bound words[start / WORD_BYTES - 1]! < APART_FLAG → words[start / WORD_BYTES - 1]! <= APART_FLAG',
  ),
  ...argued(
    'The walk that follows gives it back.',
    'server/stateMachine/byteMap/records.ts Records.leaveIfHalfEmpty: drop if (slab.live === 0) { this.releaseIfEmpty(slab); return; }',
  ),
  ...argued(
    'One that stands there twice is found empty, or gone, the second time.',
    'server/stateMachine/byteMap/records.ts Records.leaveIfHalfEmpty: drop slab.isLeft = true;',
    'server/stateMachine/byteMap/records.ts Records.leaveIfHalfEmpty: flip true → false',
    'server/stateMachine/byteMap/records.ts Records.leaveIfHalfEmpty: half slab === this.active || slab.isLeft → slab === this.active',
  ),
  ...argued(
    'At just half it is left as it comes to be, or with the next record that it loses.',
    'server/stateMachine/byteMap/records.ts Records.leaveIfHalfEmpty: bound 2 * slab.live > slab.bytes.length → 2 * slab.live >= slab.bytes.length',
  ),
  ...argued(
    'A walk ends where nothing of a slab is live, and gives back what was not given back.',
    'server/stateMachine/byteMap/records.ts Records.releaseIfEmpty: half slab.live > 0 || slab.held > 0 || slab === this.active || slab === this.left[0] → slab.live > 0 || slab.held > 0 || slab === this.active',
  ),
  ...argued(
    'The slab in use holds the last record that was put, which is live.',
    'server/stateMachine/byteMap/records.ts Records.releaseIfEmpty: half slab.live > 0 || slab.held > 0 || slab === this.active → slab.live > 0 || slab.held > 0',
  ),
  ...argued(
    'Neither looks at what the other changes.',
    'server/stateMachine/byteMap/records.ts Records.tidy: swap this.left.shift(); this.walkedTo = 0; → this.walkedTo = 0; this.left.shift();',
    'server/stateMachine/byteMap/records.ts Records.tidy: swap this.walkedTo = 0; this.releaseIfEmpty(slab); → this.releaseIfEmpty(slab); this.walkedTo = 0;',
    'server/stateMachine/byteMap/records.ts Records.dropApart: swap this.apart[id] = NOTHING; this.freeApart.push(id); → this.freeApart.push(id); this.apart[id] = NOTHING;',
  ),
  ...argued(
    'A record has room for a word at least.',
    'server/stateMachine/byteMap/records.ts Records.moved: bound slab.words[start / WORD_BYTES - 1]! >= APART_FLAG → slab.words[start / WORD_BYTES - 1]! > APART_FLAG',
    'server/stateMachine/byteMap/records.ts Records.dropApart: bound words[start / WORD_BYTES - 1]! < APART_FLAG → words[start / WORD_BYTES - 1]! <= APART_FLAG',
  ),
  ...argued(
    'What is live stands where the walk has not been.',
    'server/stateMachine/byteMap/records.ts Records.tidy: half this.walkedTo < slab.used && slab.live > 0 → slab.live > 0',
    'server/stateMachine/byteMap/records.ts Records.tidy: bound this.walkedTo < slab.used → this.walkedTo <= slab.used',
  ),
  ...argued(
    'Walks through the dead rest as well, for which is paid.',
    'server/stateMachine/byteMap/records.ts Records.tidy: bound slab.live > 0 → slab.live >= 0',
  ),
  ...argued(
    'At just that length both ways are right.',
    'server/stateMachine/byteMap/records.ts retained: bound source.buffer.byteLength <= view.length * KEPT_MEMORY_MAX → source.buffer.byteLength < view.length * KEPT_MEMORY_MAX',
    'server/stateMachine/byteMap/records.ts copy: bound to - from > LOOP_COPY_BYTES_MAX → to - from >= LOOP_COPY_BYTES_MAX',
    'server/stateMachine/byteMap/records.ts Records.slabWith: bound bytes > SLAB_BYTES_MAX / 8 → bytes >= SLAB_BYTES_MAX / 8',
    'server/stateMachine/byteMap/records.ts Records.slabWith: bound bytes <= active.bytes.length - active.used → bytes < active.bytes.length - active.used',
  ),
  ...argued(
    'What stands after it in its slab is written later.',
    'server/stateMachine/byteMap/records.ts writeWord: bound i < WORD_BYTES → i <= WORD_BYTES',
  ),
];
