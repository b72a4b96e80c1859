#!/bin/sh
# Gets the mail programs of others that the tests compare with: Debian's postfix, installed without
# starting its service, and nullmailer's QMQP client, unpacked below .peers because Debian allows
# only one of the two packages. Says what is missing where it cannot; with CI set that is an error.
set -u
cd "$(dirname "$0")/.." || exit 1

PATH=$PATH:/usr/sbin
have_postfix() { command -v postcat && command -v qmqp-source && test -x /usr/lib/postfix/sbin/master; } >/dev/null 2>&1
have_nullmailer() { test -x .peers/usr/lib/nullmailer/qmqp; }
have_postfix && have_nullmailer && exit 0

install_postfix() {
    # A policy of 101 keeps invoke-rc.d from starting what is installed.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
        trap 'rm -f "$policy"' EXIT
    fi
    echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends postfix
    # Without a configuration nobody made the defaults that postconf reads.
    [ -e /etc/postfix/main.cf ] || : >/etc/postfix/main.cf
}

unpack_nullmailer() {
    mkdir -p .peers && chmod 755 .peers || return
    # apt fetches as an account of its own, which may not write here: hence a folder for it.
    folder=$(mktemp -d) || return
    chmod 777 "$folder"
    (cd "$folder" && apt-get download -q nullmailer) && dpkg -x "$folder"/nullmailer_*.deb .peers
    rm -rf "$folder"
}

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    {
        apt-get update -q
        have_postfix || install_postfix
        have_nullmailer || unpack_nullmailer
    } >.peers.log 2>&1
fi

missing=
have_postfix || missing="postfix"
have_nullmailer || missing="$missing nullmailer"
if [ -z "$missing" ]; then
    rm -f .peers.log
    exit 0
fi
echo "Missing peers:$missing. Their tests will be skipped."
echo "They are Debian packages; as root on Debian this script installs them (see .peers.log)."
[ -z "${CI:-}" ]
