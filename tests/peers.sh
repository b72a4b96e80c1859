#!/bin/sh
# Gets the mail programs of others that the tests compare with: Debian's postfix, installed without
# starting its service, and nullmailer's QMQP client, unpacked below .peers because Debian allows
# only one of the two packages. Says what is missing where it cannot; with CI set that is an error.
set -u
cd "$(dirname "$0")/.." || exit 1

PATH=$PATH:/usr/sbin:/sbin
LOG=.peers/install.log
POLICY=/usr/sbin/policy-rc.d

have_postfix() {
    command -v postcat && command -v qmqp-source && test -x /usr/lib/postfix/sbin/master
} >/dev/null 2>&1
have_nullmailer() { test -x .peers/usr/lib/nullmailer/qmqp; }

have_postfix && have_nullmailer && exit 0

install_postfix() (
    # A policy of 101 keeps invoke-rc.d from starting what is installed.
    if [ ! -e "$POLICY" ]; then
        trap 'rm -f "$POLICY"' EXIT
        trap 'exit 1' HUP INT TERM
        printf '#!/bin/sh\nexit 101\n' >"$POLICY" && chmod 755 "$POLICY" || exit
    fi
    echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
    apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=120 postfix || exit
    # With "No configuration" there is none; an empty one makes all defaults count.
    [ -e /etc/postfix/main.cf ] || : >/etc/postfix/main.cf
)

unpack_nullmailer() (
    # apt fetches as an account of its own, which may not write here: hence a folder for it.
    folder=$(mktemp -d) || exit
    trap 'rm -rf "$folder"' EXIT
    trap 'exit 1' HUP INT TERM
    chmod 777 "$folder"
    (cd "$folder" && apt-get download -q nullmailer) || exit
    dpkg -x "$folder"/nullmailer_*.deb .peers
)

mkdir -p .peers
if [ "$(id -u)" = 0 ] && [ -e /etc/debian_version ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing mail programs to compare with (see $LOG) ..."
    {
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -q
        have_postfix || install_postfix
        have_nullmailer || unpack_nullmailer
        chmod 755 .peers # as in the package: others pass through
    } >"$LOG" 2>&1
fi

missing=
have_postfix || missing="postfix"
have_nullmailer || missing="${missing:+$missing, }nullmailer"
[ -z "$missing" ] && exit 0
echo "Missing peers: $missing. Root on Debian gets them by running this script (tests/peers.sh)."
if [ -n "${CI:-}" ]; then
    echo "CI may not go without: stopping."
    [ -e "$LOG" ] && tail -n 20 "$LOG"
    exit 1
fi
echo "Tests that need them will be skipped."
