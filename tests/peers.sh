#!/bin/sh
# Gets the programs of others that the tests compare with: Debian's postfix with all its types of
# tables, and nullmailer's QMQP client, unpacked below .peers because Debian allows only one of the
# two packages; two Milters; database servers, and the two libraries that are built here. No service
# is started.
# Says what is missing where it cannot; with CI set that is an error.
set -u
cd "$(dirname "$0")/.." || exit 1

PATH=$PATH:/usr/sbin:/sbin
LOG=.peers/install.log
POLICY=/usr/sbin/policy-rc.d
PYTHON=.venv/bin/python
TABLES="cdb ldap lmdb mysql pcre pgsql sqlite"

have_postfix() {
    command -v postcat && command -v qmqp-source && test -x /usr/lib/postfix/sbin/master
} >/dev/null 2>&1
have_nullmailer() { test -x .peers/usr/lib/nullmailer/qmqp; }
have_tables() {
    for kind in $TABLES; do
        postconf -m | grep -qx "$kind" || return
    done
} 2>/dev/null
have_servers() {
    command -v memcached && command -v redis-server && command -v slapd && command -v mariadbd &&
        ls /usr/lib/postgresql/*/bin/initdb
} >/dev/null 2>&1
have_milters() { command -v opendkim && command -v rspamd && command -v openssl; } >/dev/null 2>&1
have_libraries() { $PYTHON -c 'import berkeleydb, ldap'; } 2>/dev/null
have_all() { have_postfix && have_nullmailer && have_tables && have_servers && have_milters && have_libraries; }

have_all && exit 0

install() {
    apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=120 "$@"
}

install_postfix() {
    echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
    install postfix || return
    # With "No configuration" there is none; an empty one makes all defaults count.
    [ -e /etc/postfix/main.cf ] || : >/etc/postfix/main.cf
}

install_libraries() {
    install gcc libc6-dev libdb-dev libldap-dev libsasl2-dev python3-dev || return
    YES_I_HAVE_THE_RIGHT_TO_USE_THIS_BERKELEYDB_VERSION=1 \
        $PYTHON -m pip install --disable-pip-version-check --editable '.[bdb,ldap]'
}

install_all() (
    # A policy of 101 keeps invoke-rc.d from starting what is installed.
    if [ ! -e "$POLICY" ]; then
        trap 'rm -f "$POLICY"' EXIT
        trap 'exit 1' HUP INT TERM
        printf '#!/bin/sh\nexit 101\n' >"$POLICY" && chmod 755 "$POLICY" || exit
    fi
    have_postfix || install_postfix
    # shellcheck disable=SC2086  # a list of words
    have_tables || install $(printf 'postfix-%s ' $TABLES)
    have_servers || install memcached redis-server slapd mariadb-server postgresql
    have_milters || install opendkim rspamd openssl
    have_libraries || install_libraries
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
    echo "Installing programs to compare with (see $LOG) ..."
    {
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -q
        install_all
        have_nullmailer || unpack_nullmailer
        chmod 755 .peers # as in the package: others pass through
    } >"$LOG" 2>&1
fi

missing=
have_postfix || missing="postfix"
have_nullmailer || missing="${missing:+$missing, }nullmailer"
have_tables || missing="${missing:+$missing, }some of postfix-{$(echo "$TABLES" | tr " " ,)}"
have_servers || missing="${missing:+$missing, }database servers"
have_milters || missing="${missing:+$missing, }opendkim, rspamd and openssl"
have_libraries || missing="${missing:+$missing, }berkeleydb and python-ldap"
[ -z "$missing" ] && exit 0
echo "Missing peers: $missing. Root on Debian gets them by running this script (tests/peers.sh)."
if [ -n "${CI:-}" ]; then
    echo "CI may not go without: stopping."
    [ -e "$LOG" ] && tail -n 20 "$LOG"
    exit 1
fi
echo "Tests that need them will be skipped."
