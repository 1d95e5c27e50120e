# fish completion for tlsbye(1). What there is to choose from, the program itself says.

complete -c tlsbye -n __fish_use_subcommand -f -a '(tlsbye complete commands 2>/dev/null)'
complete -c tlsbye -n 'not __fish_use_subcommand' -a '(tlsbye complete options (commandline -opc)[2] 2>/dev/null)' -n 'string match -q -- "-*" (commandline -ct)'
complete -c tlsbye -n '__fish_seen_subcommand_from run explore shrink' -l stack -l partner -x -a '(tlsbye complete stacks 2>/dev/null)'
complete -c tlsbye -n '__fish_seen_subcommand_from run' -l scenario -x -a '(tlsbye complete scenarios 2>/dev/null)'
complete -c tlsbye -n '__fish_seen_subcommand_from run list explore shrink' -l clause -x -a '(tlsbye complete clauses 2>/dev/null)'
complete -c tlsbye -n '__fish_seen_subcommand_from list' -f -a '(tlsbye complete lists 2>/dev/null)'
complete -c tlsbye -n '__fish_seen_subcommand_from show' -f -a '(tlsbye complete clauses; tlsbye complete scenarios; tlsbye complete stacks)'
complete -c tlsbye -n '__fish_seen_subcommand_from shrink' -f -a '(tlsbye complete scenarios 2>/dev/null)'
