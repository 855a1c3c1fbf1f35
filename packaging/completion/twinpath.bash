# Completion for bash. The words come from "twinpath help", so they are those of the program that is installed.
_twinpath() {
	local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} words
	case $previous in
	--config | --socket) mapfile -t COMPREPLY < <(compgen -f -- "$word") && return ;;
	--state) mapfile -t COMPREPLY < <(compgen -d -- "$word") && return ;;
	esac
	if ((COMP_CWORD == 1)); then
		words=$(twinpath help 2>/dev/null | awk '$1 == "twinpath" && /^  / { print $2 }')
	elif [[ $word == -* ]]; then
		words=$(twinpath help 2>/dev/null | awk -v c="${COMP_WORDS[1]}" '/^  / && $2 == c' | grep -o -e '--[a-z-]*')
	else
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words help" -- "$word")
	[[ $word == -* ]] && mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -o filenames -F _twinpath twinpath
