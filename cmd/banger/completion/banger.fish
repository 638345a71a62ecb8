# Completion of banger for fish. It asks banger itself for candidates.
function __banger_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] complete $words[2..-1] 2>/dev/null)
        if test "$line" = files
            __fish_complete_path (string replace -r '.*=' '' -- (commandline -ct))
        else
            echo $line
        end
    end
end
complete -c banger -f -a '(__banger_complete)'
