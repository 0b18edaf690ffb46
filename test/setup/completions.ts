import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Shell = 'bash' | 'zsh' | 'fish';

export function isInstalled(shell: Shell): boolean {
  return spawnSync(shell, ['-c', 'true']).status === 0;
}

/** What a shell offers for the last word of each line, in a folder, once it was told these scripts. */
export function completions(
  shell: Shell,
  folder: string,
  scripts: readonly string[],
  lines: readonly string[],
): string[][] {
  const file = join(folder, `.scripts.${shell}`);
  // One after the other, as a user does: none must undo another.
  writeFileSync(file, scripts.join('\n'));
  const run = (args: readonly string[]) => {
    const env = { ...process.env, HOME: folder, ZDOTDIR: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder };
    const { stdout, stderr, error } = spawnSync(shell, args, { encoding: 'utf8', cwd: folder, env, timeout: 60_000 });
    if (error !== undefined || stderr !== '') throw new Error(`${shell} ${args.join(' ')}: ${error?.message}${stderr}`);
    return stdout;
  };
  const said = SESSIONS[shell](run, file, folder, lines);
  return said
    .split('<line>')
    .slice(1)
    .map((each) => [...new Set([...each.matchAll(/<word (.*?)>/g)].map(([, word]) => word!))]);
}

type Session = (
  run: (args: readonly string[]) => string,
  scripts: string,
  folder: string,
  lines: readonly string[],
) => string;

const SESSIONS: Readonly<Record<Shell, Session>> = {
  bash: (run, scripts, folder, lines) => {
    const file = join(folder, '.session.bash');
    writeFileSync(file, BASH);
    return run(['--norc', file, scripts, ...lines]);
  },
  zsh: (run, scripts, folder, lines) => {
    const [outer, inner] = [join(folder, '.session.zsh'), join(folder, '.typed.zsh')];
    writeFileSync(outer, ZSH);
    writeFileSync(inner, `source ${scripts}\n${ZSH_TYPED}`);
    return run(['-f', outer, inner, ...lines]);
  },
  fish: (run, scripts, _folder, lines) => run(['-N', '-c', FISH, scripts, ...lines]),
};

/** As the shell does: calls whatever was said of this command, with the words of the line. */
const BASH = `
source "$1"
shift
for line in "$@"; do
  echo '<line>'
  IFS=' ' read -ra COMP_WORDS <<< "$line"
  [[ $line == *' ' ]] && COMP_WORDS+=('')
  COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
  COMPREPLY=()
  $(complete -p "$COMP_WORDS" | sed 's/.*-F \\([^ ]*\\) .*/\\1/') 2>&1
  [[ -n $COMPREPLY ]] && printf '<word %s>\\n' "\${COMPREPLY[@]}"
done
true
`;

/** Types each line and a tab into an interactive shell, on a terminal of its own. */
const ZSH = String.raw`
zmodload zsh/zpty
zpty typed zsh -f -i
zpty -w typed "source $argv[1]"
until [[ $out == *ready* ]]; do zpty -r typed out || exit 1; done
shift
for line in $argv; do
  print '<line>'
  zpty -n -w typed "$line"$'\t'
  out=
  until [[ $out == *'<done>'* ]]; do
    zpty -r typed out || exit 1
    print -r -- "$out"
  done
  zpty -n -w typed $'\x15'
done
`;

/** In that shell: says what is added to the completions, and when that is all. */
const ZSH_TYPED = String.raw`
PROMPT= RPROMPT=
setopt nobeep noautolist noautomenu
zstyle ':completion:*' insert-tab false
bindkey '^I' complete-word
bindkey '^U' kill-whole-line
# The shell empties the list before it calls what is in it.
completed() { print '<done>'; comppostfuncs=(completed) }
comppostfuncs=(completed)
compadd() {
  if [[ "$@[1,(i)(-|--)]" != *-(O|A|D)\ * ]]; then
    local -a offered
    builtin compadd -A offered "$@"
    (( $#offered )) && printf '<word %s>\n' "$offered[@]"
  fi
  builtin compadd "$@"
}
print ready
`;

/** What is told of a word stands behind a tab; a folder ends with a slash. */
const FISH = String.raw`
source $argv[1]
for line in $argv[2..-1]
    echo '<line>'
    for word in (complete -C $line)
        printf '<word %s>\n' (string split -f 1 -- \t $word | string trim -r -c /)
    end
end
`;
