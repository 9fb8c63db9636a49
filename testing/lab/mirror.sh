# Sourced: the mirrors that this machine's apt uses, and an apt of one's own for other suites. Needs a
# function 'fail'.
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

# private_apt FOLDER SUITE...: makes every later apt-get and apt-cache of this script use sources, lists
# and a status of its own in that folder; the machine's own configuration (proxies, and so on) still
# counts. A suite of the security archive is
# written security:NAME.
private_apt() {
    local root=$1 suite uri
    shift
    mkdir -p "$root"/{etc,state/lists/partial,cache/archives/partial}
    : >"$root/state/status"
    : >"$root/etc/sources.list"
    for suite in "$@"; do
        case "$suite" in
        security:*) uri=$(mirror Debian-Security) ;;
        *) uri=$(mirror Debian) ;;
        esac
        echo "deb [arch=amd64 signed-by=$keyring check-valid-until=no] $uri ${suite#security:} main" \
            >>"$root/etc/sources.list"
    done
    cat >"$root/apt.conf" <<CONF
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Sandbox::User "root";
Dir::State "$root/state";
Dir::State::status "$root/state/status";
Dir::Cache "$root/cache";
Dir::Etc::sourcelist "$root/etc/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
CONF
    export APT_CONFIG=$root/apt.conf
}
