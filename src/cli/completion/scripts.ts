import type { DescribedCommand, DescribedOption, Shell, Values } from './description.ts';

/** A command and the words that lead to it, each behind a space. */
interface Placed {
  readonly path: string;
  readonly command: DescribedCommand;
}

/**
 * A script that has a shell complete the commands, options and values of a program. It holds all that it needs: to ask the program at each
 * key would take as long as Node.js takes to start.
 */
export function completionScript(program: DescribedCommand, shell: Shell): string {
  switch (shell) {
    case 'bash':
      return bashScript(program);
    case 'zsh':
      // What zsh has for the scripts of bash: one script to keep right.
      return `autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n${bashScript(program)}`;
    case 'fish':
      return fishScript(program);
  }
}

function placed(command: DescribedCommand, path = ''): Placed[] {
  return [{ path, command }, ...command.commands.flatMap((each) => placed(each, `${path} ${each.name}`))];
}

/** No word of ours needs more: names, and what they are called. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function bashScript(program: DescribedCommand): string {
  const all = placed(program);
  const name = `_${program.name.replaceAll('-', '_')}_completion`;
  const paths = all.flatMap(({ path }) => (path === '' ? [] : [quoted(path)]));
  const walk =
    paths.length === 0
      ? []
      : [
          '  for ((i = 1; i < COMP_CWORD; i++)); do',
          `    case "$path \${COMP_WORDS[i]}" in`,
          `      ${paths.join(' | ')}) path="$path \${COMP_WORDS[i]}" ;;`,
          '    esac',
          '  done',
        ];
  return [
    `${name}() {`,
    `  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD - 1]}" path="" i`,
    ...walk,
    '  case "$path $prev" in',
    ...all.flatMap(({ path, command }) => command.options.flatMap((option) => afterOption(path, option))),
    '  esac',
    '  case "$path" in',
    ...all.flatMap(atPlace),
    '  esac',
    '}',
    `complete -F ${name} ${program.name}`,
    '',
  ].join('\n');
}

function afterOption(path: string, { names, values }: DescribedOption): string[] {
  if (values === undefined) return [];
  const cases = names.map((name) => quoted(`${path} ${name}`)).join(' | ');
  return [`    ${cases}) ${bashReply(values)}; return ;;`];
}

function atPlace({ path, command }: Placed): string[] {
  const options = command.options.flatMap(({ names }) => names);
  const words = command.commands.map((each) => each.name);
  const otherwise = words.length > 0 ? bashReply(words) : bashReply(command.values);
  return [`    ${quoted(path)})`, `      if [[ $cur == -* ]]; then ${bashReply(options)}; else ${otherwise}; fi ;;`];
}

function bashReply(values: Values): string {
  const reply = (how: string) => `COMPREPLY=($(compgen ${how} -- "$cur"))`;
  // A folder is not the end of a name.
  const asFiles = 'compopt -o filenames 2>/dev/null';
  if (values === 'files') return `${asFiles}; ${reply('-f')}`;
  if (values === 'folders') return `${asFiles}; ${reply('-d')}`;
  if (values === 'anything') return 'COMPREPLY=()';
  return reply(`-W ${quoted(values.join(' '))}`);
}

function fishScript(program: DescribedCommand): string {
  const lines = placed(program).flatMap(({ path, command }) => {
    const words = path.split(' ').filter((word) => word !== '');
    const seen = words.map((word) => `__fish_seen_subcommand_from ${word}`);
    const names = command.commands.map((each) => each.name);
    const notYet = names.length > 0 ? [`not __fish_seen_subcommand_from ${names.join(' ')}`] : [];
    const here = fishCondition(seen);
    const before = fishCondition([...seen, ...notYet]);
    return [
      ...command.commands.map(
        (each) =>
          `complete -c ${program.name}${before} -f -a ${quoted(each.name)} -d ${quoted(firstSentence(each.description))}`,
      ),
      ...(names.length > 0 ? [] : fishArguments(program.name, here, command.values)),
      ...command.options.map((option) => `complete -c ${program.name}${here}${fishOption(option)}`),
    ];
  });
  return `${lines.join('\n')}\n`;
}

function fishCondition(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : ` -n ${quoted(conditions.join('; and '))}`;
}

function fishArguments(name: string, condition: string, values: Values): string[] {
  // Files are what fish offers by itself.
  if (values === 'files') return [];
  if (values === 'folders') return [`complete -c ${name}${condition} -f -a '(__fish_complete_directories)'`];
  const words = values === 'anything' ? '' : ` -a ${quoted(values.join(' '))}`;
  return [`complete -c ${name}${condition} -f${words}`];
}

function fishOption({ names, description, values }: DescribedOption): string {
  const flags = names.map((name) => {
    if (name.startsWith('--')) return ` -l ${name.slice(2)}`;
    return name.length === 2 ? ` -s ${name.slice(1)}` : ` -o ${name.slice(1)}`;
  });
  return `${flags.join('')}${fishValues(values)} -d ${quoted(firstSentence(description))}`;
}

function fishValues(values: Values | undefined): string {
  if (values === undefined) return '';
  if (values === 'files') return ' -r -F';
  if (values === 'folders') return " -x -a '(__fish_complete_directories)'";
  return values === 'anything' ? ' -x' : ` -x -a ${quoted(values.join(' '))}`;
}

/** A list of completions has a line for each. */
function firstSentence(text: string): string {
  return text.split(/[;:(\n]/)[0]!.trim();
}
