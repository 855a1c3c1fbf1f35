# Completion for fish. The words come from "twinpath help", so they are those of the program that is installed.
complete -c twinpath -n __fish_use_subcommand -f -a "(twinpath help 2>/dev/null | awk '/^  twinpath / { print \$2 }') help"
complete -c twinpath -n 'not __fish_use_subcommand' -a "(twinpath help 2>/dev/null | awk -v c=(commandline -opc)[2] '/^  / && \$2 == c' | grep -o -e '--[a-z-]*')"
