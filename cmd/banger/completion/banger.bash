# Completion of banger for bash. It asks banger itself for candidates.
_banger() {
	local line=${COMP_LINE:0:COMP_POINT} words candidate cut
	read -ra words <<<"$line"
	[[ $line == *[[:space:]] ]] && words+=("")
	local word=${words[-1]}
	# Readline takes the part behind the last : or = for the word.
	cut=${word%"${word##*[:=]}"}
	[[ $COMP_WORDBREAKS == *:* ]] || cut=
	COMPREPLY=()
	while IFS= read -r candidate; do
		if [[ $candidate == files ]]; then
			local part=${word##*=}
			while IFS= read -r candidate; do
				COMPREPLY+=("$candidate")
			done < <(compgen -f -- "$part")
			compopt -o filenames 2>/dev/null
			continue
		fi
		candidate=${candidate%%$'\t'*}
		[[ $candidate == *[:/=] ]] && compopt -o nospace 2>/dev/null
		COMPREPLY+=("${candidate#"$cut"}")
	done < <("${words[0]}" complete "${words[@]:1}" 2>/dev/null)
}
complete -F _banger banger
