# Sourced: the mirrors that this machine's apt uses. Needs a function 'fail'.
# shellcheck shell=bash

# The mirror of Debian (or of Debian-Security) among the machine's sources.
mirror() {
    local label=$1 uri
    # shellcheck disable=SC2016 # apt's variables, not the shell's
    uri=$(apt-get indextargets --format '$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
        awk -F'|' -v label="$label" '$1 == label { print $2; exit }')
    [ -n "$uri" ] || fail "this machine's apt has no source labelled $label (run apt-get update, or look at /etc/apt/sources.list.d)"
    echo "$uri"
}

# The keys that these are signed with.
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -e "$keyring" ] || keyring=/usr/share/keyrings/debian-archive-keyring.pgp
