# bash completion for tlsbye(1). What there is to choose from, the program itself says.

_tlsbye() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} program=${COMP_WORDS[0]} command=${COMP_WORDS[1]}
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W "$("$program" complete commands 2>/dev/null)" -- "$word")
    return
  fi
  case $before in
    --stack | --partner) mapfile -t COMPREPLY < <(compgen -W "$("$program" complete stacks 2>/dev/null)" -- "$word") && return ;;
    --scenario) mapfile -t COMPREPLY < <(compgen -W "$("$program" complete scenarios 2>/dev/null)" -- "$word") && return ;;
    --clause) mapfile -t COMPREPLY < <(compgen -W "$("$program" complete clauses 2>/dev/null)" -- "$word") && return ;;
  esac
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$("$program" complete options "$command" 2>/dev/null)" -- "$word")
    return
  fi
  case $command in
    show) mapfile -t COMPREPLY < <(compgen -W "$("$program" complete clauses 2>/dev/null; "$program" complete scenarios 2>/dev/null; "$program" complete stacks 2>/dev/null)" -- "$word") ;;
    shrink) mapfile -t COMPREPLY < <(compgen -W "$("$program" complete scenarios 2>/dev/null)" -- "$word") ;;
    list) mapfile -t COMPREPLY < <(compgen -W "$("$program" complete lists 2>/dev/null)" -- "$word") ;;
  esac
  [ "${#COMPREPLY[@]}" -gt 0 ] || compopt -o default
}
complete -F _tlsbye tlsbye
