/**
 * What the C library's allocator is told. Commands, log records and messages pass through it by the megabyte, in pieces that live
 * for a moment: as it comes, it asks the kernel for memory and gives it back all the time, a page of 4 KiB at a time, and
 * each first touch of a page costs more than copying what is put there. So: pages of 2 MiB where the kernel grants them,
 * 64 MiB kept in hand, and no mapping of its own for pieces below 32 MiB. docs/performance.md has what it gives.
 *
 * Only read as a process starts, so it stands in its environment; the files in bin/ say the same for whoever starts them. Other C
 * libraries than glibc know nothing of it.
 */
const ALLOCATOR_TUNABLES = [
  'glibc.malloc.hugetlb=1',
  `glibc.malloc.trim_threshold=${64 * 1024 * 1024}`,
  `glibc.malloc.mmap_threshold=${32 * 1024 * 1024}`,
  `glibc.malloc.top_pad=${2 * 1024 * 1024}`,
].join(':');

/** For the environment of a process that we start. What the user says instead of it holds, be it nothing. */
export function allocatorEnvironment(): { readonly GLIBC_TUNABLES: string } {
  return { GLIBC_TUNABLES: process.env['GLIBC_TUNABLES'] ?? ALLOCATOR_TUNABLES };
}
