/** `1,234,567` */
export function shown(value: number): string {
  return value.toLocaleString('en');
}

/** `1 key`, `2,000 keys` */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${shown(count)} ${count === 1 ? one : many}`;
}
