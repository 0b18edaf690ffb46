import { shellQuoted } from '../shellQuoted.ts';
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
  return shell === 'fish' ? fishScript(program) : functionScript(program, DIALECTS[shell]);
}

function placed(command: DescribedCommand, path = ''): Placed[] {
  return [{ path, command }, ...command.commands.flatMap((each) => placed(each, `${path} ${each.name}`))];
}

/** How the same function is written for a shell. */
interface Dialect {
  /** Before it. */
  readonly start: string;
  /** Of the words of the line: where they begin behind the program's name, and which one is completed. */
  readonly first: number;
  readonly current: string;
  word(at: string): string;
  /** Offers these. */
  reply(values: Values): string;
  register(name: string, program: string): string;
}

const DIALECTS: Readonly<Record<Exclude<Shell, 'fish'>, Dialect>> = {
  bash: {
    start: '',
    first: 1,
    current: 'COMP_CWORD',
    word: (at) => `\${COMP_WORDS[${at}]}`,
    reply: bashReply,
    register: (name, program) => `complete -F ${name} ${program}`,
  },
  zsh: {
    // Not where there are completions: compinit forgets what was said of other commands.
    start: '(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }\n',
    first: 2,
    current: 'CURRENT',
    word: (at) => `\${words[${at}]}`,
    reply: zshReply,
    register: (name, program) => `compdef ${name} ${program}`,
  },
};

function functionScript(program: DescribedCommand, dialect: Dialect): string {
  const { start, first, current, word, register } = dialect;
  const all = placed(program);
  const name = `_${program.name.replaceAll('-', '_')}_completion`;
  const paths = all.flatMap(({ path }) => (path === '' ? [] : [shellQuoted(path)]));
  // Not `path`, which means something to zsh.
  const next = `"$place ${word('i')}"`;
  const walk =
    paths.length === 0
      ? []
      : [
          `  for ((i = ${first}; i < ${current}; i++)); do`,
          `    case ${next} in`,
          `      ${paths.join(' | ')}) place=${next} ;;`,
          '    esac',
          '  done',
        ];
  return [
    `${start}${name}() {`,
    `  local cur="${word(current)}" prev="${word(`${current} - 1`)}" place="" i`,
    ...walk,
    '  case "$place $prev" in',
    ...all.flatMap(({ path, command }) => command.options.flatMap((option) => afterOption(path, option, dialect))),
    '  esac',
    '  case "$place" in',
    ...all.flatMap((each) => atPlace(each, dialect)),
    '  esac',
    '}',
    register(name, program.name),
    '',
  ].join('\n');
}

function afterOption(path: string, { names, values }: DescribedOption, { reply }: Dialect): string[] {
  if (values === undefined) return [];
  const cases = names.map((name) => shellQuoted(`${path} ${name}`)).join(' | ');
  return [`    ${cases}) ${reply(values)}; return ;;`];
}

function atPlace({ path, command }: Placed, { reply }: Dialect): string[] {
  const options = command.options.flatMap(({ names }) => names);
  const words = command.commands.map((each) => each.name);
  const otherwise = words.length > 0 ? reply(words) : reply(command.values);
  return [`    ${shellQuoted(path)})`, `      if [[ $cur == -* ]]; then ${reply(options)}; else ${otherwise}; fi ;;`];
}

function bashReply(values: Values): string {
  const reply = (how: string) => `COMPREPLY=($(compgen ${how} -- "$cur"))`;
  // A folder is not the end of a name.
  const asFiles = 'compopt -o filenames 2>/dev/null';
  if (values === 'files') return `${asFiles}; ${reply('-f')}`;
  if (values === 'folders') return `${asFiles}; ${reply('-d')}`;
  if (values === 'anything') return 'COMPREPLY=()';
  return reply(`-W ${shellQuoted(values.join(' '))}`);
}

function zshReply(values: Values): string {
  if (values === 'files') return '_files';
  if (values === 'folders') return '_files -/';
  // Something that zsh cannot know: no files either.
  return values === 'anything' ? ':' : `compadd -- ${values.map(shellQuoted).join(' ')}`;
}

function fishScript(program: DescribedCommand): string {
  const all = placed(program);
  const at = `__${program.name.replaceAll('-', '_')}_at`;
  const lines = all.flatMap(({ path, command }) => {
    // By the whole way to it: there are commands of the same name in two places.
    const here = ` -n ${shellQuoted(`${at}${path}`)}`;
    const complete = `complete -c ${program.name}${here}`;
    return [
      ...command.commands.map(
        (each) => `${complete} -f -a ${shellQuoted(each.name)} -d ${shellQuoted(firstSentence(each.description))}`,
      ),
      ...(command.commands.length > 0 ? [] : fishArguments(complete, command.values)),
      ...command.options.map((option) => `${complete}${fishOption(option)}`),
    ];
  });
  const paths = all.flatMap(({ path }) => (path === '' ? [] : [shellQuoted(path.trimStart())]));
  const walk =
    paths.length === 0
      ? []
      : [
          '    for word in (commandline -opc)[2..-1]',
          '        switch (string join -- " " $place $word)',
          `            case ${paths.join(' ')}`,
          '                set -a place $word',
          '        end',
          '    end',
        ];
  const place = [`function ${at}`, '    set -l place', ...walk, '    test "$place" = "$argv"', 'end'];
  return `${[...place, ...lines].join('\n')}\n`;
}

function fishArguments(complete: string, values: Values): string[] {
  // Files are what fish offers by itself.
  if (values === 'files') return [];
  if (values === 'folders') return [`${complete} -f -a '(__fish_complete_directories)'`];
  const words = values === 'anything' ? '' : ` -a ${shellQuoted(values.join(' '))}`;
  return [`${complete} -f${words}`];
}

function fishOption({ names, description, values }: DescribedOption): string {
  const flags = names.map((name) => {
    if (name.startsWith('--')) return ` -l ${name.slice(2)}`;
    return name.length === 2 ? ` -s ${name.slice(1)}` : ` -o ${name.slice(1)}`;
  });
  return `${flags.join('')}${fishValues(values)} -d ${shellQuoted(firstSentence(description))}`;
}

function fishValues(values: Values | undefined): string {
  if (values === undefined) return '';
  if (values === 'files') return ' -r -F';
  if (values === 'folders') return " -x -a '(__fish_complete_directories)'";
  return values === 'anything' ? ' -x' : ` -x -a ${shellQuoted(values.join(' '))}`;
}

/** A list of completions has a line for each. What a text begins with, as in `load: …`, is not all of it. */
function firstSentence(text: string): string {
  return text.split(/[;(\n]|(?<= \S+): /)[0]!.trim();
}
