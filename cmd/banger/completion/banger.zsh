#compdef banger
# Completion of banger for zsh. It asks banger itself for candidates.
_banger() {
	local line name
	local -a plain open described
	while IFS= read -r line; do
		name=${line%%$'\t'*}
		if [[ $line == files ]]; then
			compset -P '*='
			_files
		elif [[ $line == *$'\t'* ]]; then
			described+=("${name//:/\\:}:${line#*$'\t'}")
		elif [[ $name == *[:/=] ]]; then
			open+=("$name")
		else
			plain+=("$name")
		fi
	done < <(${words[1]} complete "${(@)words[2,CURRENT]}" 2>/dev/null)
	(( $#described )) && _describe -t candidates candidate described
	(( $#plain )) && compadd -- $plain
	(( $#open )) && compadd -S '' -- $open
}
if [[ $funcstack[1] == _banger ]]; then
	_banger "$@"
else
	compdef _banger banger
fi
