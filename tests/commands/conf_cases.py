"""conf_cases - configurations and what is asked of postconf about them

DESCRIPTION
    QUERIES: main.cf, master.cf, and command lines that change nothing.
    EDITS: the same, with one change each; the files count as well.
"""

import random
from typing import NamedTuple

SMTP = "smtp unix - - y - - smtp\n"


class Case(NamedTuple):
    """Two files and some command lines."""

    main_cf: str
    master_cf: str
    commands: tuple[str, ...]  # words separated by blanks, or by "|" if there is one


def case(main_cf: str, master_cf: str = SMTP, *commands: str) -> Case:
    """Return a case; without commands, "-n" and "-nx"."""
    return Case(main_cf, master_cf, commands or ("-n", "-nx"))


def words(command: str) -> tuple[str, ...]:
    """Return the words of a command line."""
    return tuple(command.split("|") if "|" in command else command.split())


ORDINARY = (
    """# an ordinary relay
myhostname = relay.example.com

relayhost = one
  two
# inside
  three
foo = bar
mydomain=example.com
smtp_bind_address=
relayhost = again
my_own = $foo
smtpd_banner = $myhostname ESMTP $mail_version
mynetworks = 127.0.0.0/8   [::1]/128
  192.0.2.0/24\t198.51.100.1
header_checks = regexp:{{/x  y/ REJECT   no}}
qmqpd_authorized_clients = """
    + ", ".join(f"10.0.{number}.0/24" for number in range(12))
    + "\n"
)
ORDINARY_QUERIES = (
    *("-n", "-nf", "-nx", "-nh", "-nH", "-nfh", "-h relayhost", "-H relayhost", "-f mynetworks"),
    *("relayhost nosuch relayhost foo", "-d relayhost myhostname foo", "-C user", "-n -C user"),
    *("-n -C builtin,service", "-n -C service", "-C all -n", "-C bad", "-C user foo relayhost"),
    *("-o foo=baz -x my_own", "-o foo -x my_own", "-o relayhost=over relayhost"),
    *("-o relayhost=over -n", "-o zz=1 -n -o yy=$ww", "-o| mydomain = qq |-h|mydomain"),
    *("-n relayhost smtp_bind_address inet_interfaces", "mydomain -x", "-- mydomain", "-h -"),
    *("-x smtp_destination_recipient_limit", "-l", "-n mydomain nosuch", "-e", "-#", "-X"),
    *("-e relayhost", "-e b=2 relayhost", "relayhost = x", "-c", "-C", "-o", "-q", "-oa -q"),
)
TRANSPORTS = """foo unix n - - - - pipe
bar unix n - - - - spawn
two unix n - - - - smtp
three unix n - - - - lmtp
four unix n - - - - virtual
five unix n - - - - local
six inet n - - - - error
smtp unix - - - - - smtp
seven fifo - - - - - discard
127.0.0.1:1 inet - - - - - spawn
x-y pass - - - - - pipe
local unix - - - - - pipe
"""
COMPLICATED = """# comment
127.0.0.1:10628 inet  n       -       -       -       1       qmqpd -v -o { smtpd_helo_restrictions = a b } -o q={y z} -oq2=1 -o firstx = 7 {arg with blanks} {a}
   -o content_filter=filter:[127.0.0.1]:10026aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa -D end
averyveryverylongname unix - n n 60? 0 pipe flags=F user=x argv=/bin/x -a aaa -b bbb ${sender} $recipient aaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbb
[::1]:628 inet n - - - - qmqpd -o max_use=$default_process_limit -o x=$y
cleanup unix-dgram n - - 0 0 cleanup
pickup fifo n n n 60 1 pickup -vv -o a=b -o c=d -o a=e f -o a=g
lmtp pass - - - - - lmtp -vo a=b -z -o { c = d }
dup unix - - - - - smtp -o a=$foo
dup unix n - - - - smtp -o foo=$a
"""  # noqa: E501  # as long as they may be
MASTER_QUERIES = (
    *(
        "-M",
        "-Mf",
        "-Mx",
        "-P",
        "-Pf",
        "-Px",
        "-PH",
        "-Ph",
        "-F",
        "-Ff",
        "-Fx",
        "-FH",
        "-Fh 127.0.0.1:10628",
    ),
    *("-M cleanup", "-M cleanup/unix", "-M */fifo pickup", "-M nosuch", "-M a/b/c", "-M pickup/x"),
    *("-M smtp/*", "-M *", "-M|", "-M /", "-Mf dup", "-F pickup/fifo/wakeup */*/command"),
    *("-F pickup/fifo/bad", "-F nosuch", "-F a/b/c/d", "-F other/x", "-F smtp//command"),
    *("-P */inet/q", "-P */inet/nosuch", "-P pickup", "-Ph 127.0.0.1:10628", "-P pickup/fifo/a"),
    *(
        "-Fh 127.0.0.1:10628",
        "-MC user",
        "-M -C bad",
        "-n",
        "-Ff pickup lmtp",
        "-M -o foo=7 -x dup",
    ),
)
# Values of myvalue, asked for with -x.
VALUES = """
${none?a b }| ${none:a b }x| ${}| ${?x}| ${3.x}| ${{3.x} >level {3.9}}| $-x| ${none?{a}| ${b!c}
${mail_version?{a}b}| ${n:{a}b}| ${{1} == {1}x}| $mail_version$| ${ mail_version }
${mail_version ?x}| ${mail_version ?{x} :{y}}| ${mail_version? {x} : {y}}| ${{010}=={10}}
${{a}=={a}?yes:no}| ${{a}!={a}?{yes}:no}| ${{a}!={a}:no}| ${{a b}=={a b} ? { x } };
$(mail_version?{x})| ${mail_version?$(none}| ${mail_version?{$(none}}| ${mail_version:$bad-}
${mail_version?{$}:{x}}| ${none?{$}:{x}}| ${{-1} < {1}}| ${{} == {}}| ${{1} <level {}}
${{1.2.3.4} <level {2}}| ${{1} <LEVEL {2}}| ${{ 1 } == {1}}| $$$mail_version| $$$$
${$mail_version}| ${{a}| ${{1}= {1}}| ${{1} = {1}}| ${{1}=! {1}}| ${{1}==lev{1}}| ${{1}==}
${mail_version{x}}| $mydomain$mail_version x| ${mydomain}x| $(mydomain)x$mydomain.y| $mydomain-x
${{9}<{10}}| ${{9}>{10}}| ${{9a}<{10a}}| ${{9}<={9}}| ${{9}>={9}}| ${{9}!={9}}| ${{a}<{b}}
${{3.9}<level{3.10}}| ${{3.9}<{3.10}}| ${{3}==level{3.0}}| ${{3.1}!=level{3.1.1}}
${{3.6}>level{3}?{new}:{old}}| ${{3.6}<=level{3}?new}| ${{3.6}>=level{3}:old}| ${{x}<level{1}}
${{$mydomain}=={localdomain}?{local}:{remote}}| ${{${none:{1}}}=={1}}| ${mydomain?{$(none:{a})}}
${none?{x}:{${mydomain?{deep}:{no}}}}| ${none:${mydomain}}| ${none:{}}| ${mydomain?{}}| ${mydomain?}
a ${none?b} c| {a b} ${none:{ {x} }}| \\$mydomain| "$mydomain"| '$mydomain'| $1| ${1}| $_| ${_x}
${{1}=={1}?{a}:{b}}| ${{1}=={2}?{a}:{b}}| ${{1} == {2} ? {a} : {b}}| ${{01}=={1}}| ${{1 }=={1}}
${{1}==level{01}}| ${{1}==level{+1}}| ${{1}==level{ 1}}| ${{1}==level{1 }}| ${{1}==level{1.}}
${{1.1024}==level{1}}| ${{1.1023}==level{1}}| ${mydomain? x}| ${mydomain?x }| ${none: x }y
$mydomain$$mydomain| ${mydomain?{a}:{b}}${none?{a}:{b}}
""".replace("\n", "|")
COMPUTED = (
    *("myhostname=a.b.c\n", "mydomain=b.c\n", "myhostname=\n", "myhostname=nodot\n"),
    *("myhostname=x.$mydomain\n", "myhostname=$zz.a.b\nzz=q\n", "compatibility_level=3.6\n"),
    *("compatibility_level=2\n", "compatibility_level=x\n", "compatibility_level=\n"),
    *("inet_protocols=ipv4\ninet_interfaces=loopback-only\nmynetworks_style=host\n",),
    *("inet_protocols=ipx\n", "inet_protocols=ipx\nmynetworks=x\n", "inet_protocols=ipv4, foo\n"),
    *("inet_interfaces=203.0.113.9\n", "inet_interfaces=nosuch.invalid\n", "inet_interfaces=\n"),
    *("inet_interfaces=203.0.113.9\nmynetworks=x\n", "mynetworks_style=foo\n"),
    *("mynetworks_style=subnet class\n", "mynetworks_style=class\ninet_protocols=ipv4\n"),
    *("inet_protocols=all, ipv6\n", "inet_protocols=ipv4\ninet_interfaces=::1\n"),
    *("inet_interfaces=127.0.0.1, ::1\nmynetworks_style=host\n", "inet_interfaces=localhost\n"),
    *("inet_interfaces=all 127.0.0.1\n", "inet_protocols=$x\nx=ipv4\n"),
    *("multi_instance_name=postfix-out\n", "recipient_delimiter=+\n"),
)
FILES = (  # main.cf, asked for with -n and -nx
    *("junk\n", "= x\n", "a b = x\n", " x = y\na=1\n", "\n\n   \n# x\n  # y\n", "", "a=1"),
    *("a=1\na=2\na=3\n", "relayhost\t=\tx\n", "relayhost = x\r\nmydomain=y\r\n", "relayhost==x=\n"),
    *(
        "relayhost=x#y # z\n",
        "smtp-x=1\nb.c=2\n\u00c4=3\n",
        "relayhost=a\x01b\u00e9\n",
        "\ufeffa=1\n",
    ),
    *("relayhost=  \n", "relayhost=a\tb \n c\n", f"{'a' * 300}=1\n", f"relayhost={'x' * 5000}\n"),
    *("a=1\n\n\n  2\n#\n  3\n\nb=$a\n", "relayhost = a\\\nmydomain = b\n", "  \n x\n", "a=\x00b\n"),
    *(
        "a\x00b=1\n",
        "relayhost=x\x00y\nmydomain=z\n",
        "\x7fELF\x02\x01\n",
        "a\n=\n",
        "[mail]\na=1\n",
    ),
    *("unk = $zork\n", "relayhost=$zork\nmydomain=$zork $zork\n", "foo=$foo\n", "a=$b\nb=$a\n"),
    *("virtual_maps=y\nvirtual_alias_maps=z\n", "smtpd_restriction_classes={a b},c\n"),
    "default_rbl_reply = $rbl_code $zork ${foo?a}\nluser_relay=$user@x\nforward_path=$home/x\n"
    "mailbox_command=x $zz\ndefault_delivery_status_filter=$zk\nsmtpd_expansion_filter=$zf\n"
    "smtpd_reject_footer=$client_address x\ncommand_execution_directory=$home\n"
    "header_checks=regexp:{{/(x)/ $1}}\npropagate_unmatched_extensions=$za\n",
    "fallback_relay=x\nvirtual_maps=y\nallow_mail_to_files=x\nhome_mailbox=z\n"
    "maps_rbl_domains=1\nauthorized_verp_clients=x\nsmtpd_per_record_deadline=x\n"
    "postscreen_blacklist_action=x\ntlsproxy_client_level=may\n",
    "smtpd_restriction_classes=cc,zz,$yy\ncc=reject\n",
    "smtpd_restriction_classes=relayhost,foo\nfoo=$bar\n",
    "a1=1\na2=$a1\nrelayhost=$a2 ${a3?x} $(a4:$a5)\na3=\n",
    "relayhost=${{$q1}=={$q2}?{$q3}:{$q4}}\nq1=1\n",
    "relayhost=$process_name $config_directory $smtp_recipient_limit $program_directory\n",
    "mail_version=7\nprocess_id=8\nprocess_name=foo\nservice_name=bar\nconfig_directory=/x\n"
    "process_id_directory=/q\nmail_release_date=x\n",
    "soft_bounce=maybe\nline_length_limit=1\nipc_timeout=5x\n",
    "canonical_maps=ldap:{{a}=b}, proxy:ldap:qq memcache:mc\nqq_search_base=1\nqq_version=2\n"
    "qq_foo=3\nmc_ttl=1\nmc_memcache=inet:x\nmc_foo=1\nsl_dbpath=3\npg_query=1\nsl_query=1\n"
    "local_recipient_maps=unionmap:{pgsql:pg,sqlite:sl}\n",
    "canonical_maps=$am\nam=ldap:qq\nqq_search_base=1\nmymaps=ldap:rr\nrr_search_base=1\n"
    "smtpd_client_restrictions=check_client_access ldap:ss, reject\nss_search_base=1\n",
    "canonical_maps=unionmap:{ldap:qq, {ldap:rr}}, pipemap:{ldap:ss} randmap:{ldap:tt}\n"
    "qq_search_base=1\nrr_search_base=1\nss_search_base=1\ntt_search_base=1\n",
    "canonical_maps=proxy:unionmap:{ldap:qq}, proxy:ldap:/nosuch, LDAP:rr {ldap:ss} !ldap:tt\n"
    "qq_search_base=1\nrr_search_base=1\nss_search_base=1\ntt_search_base=1\n",
    "canonical_maps=${x?ldap:qq} ldap:$y\nx=1\ny=rr\nqq_search_base=1\nrr_search_base=1\n",
    "smtpd_client_restrictions={check_client_access ldap:qq}, ldap:rr,x=ldap:ss\n"
    "qq_search_base=1\nrr_search_base=1\nss_search_base=1\n",
    "canonical_maps=mysql:my\nmy_hosts=a\nmy_user=b\nmy_foo=c\nmy_tls_CAfile=x\nmy_option_file=y\n",
    "canonical_maps=mysql:etc/extra.cf ldap:./etc/extra.cf pgsql:./nosuch sqlite:./etc\n",
    "default_rbl_reply=ldap:rr\nrr_search_base=1\n",
    "default_rbl_reply=$\n",
    "default_rbl_reply=$mydomain $x $$\n",
    "relayhost=$x\nx=$x\n",
    "relayhost=$x\nx=$y\ny=$x\n",
    "relayhost=$\n",
    "unk=$\n",
    "unk=${a\nrelayhost=$unk\n",
)
MASTER_FILES = (  # asked for with -M, -P and -n; main.cf sets foo
    *("smtp unix - - - - -\n", "smtp foo - - - - - x\n", "smtp unix x - - - - x\n", "-\n"),
    *("smtp unix - x - - - x\n", "smtp unix - - x - - x\n", "smtp unix - - - 60x - x\n"),
    *("smtp unix - - - - -1 x\n", "smtp unix - - - - - x -o\n", "smtp unix - - - - - x -o a\n"),
    *("smtp unix - - - - - x -o {a=b\n", "smtp unix - - - - - x -o {a=b}c\n"),
    *("smtp unix - - - - - x -o {a b=c}\n", "smtp unix - - - - - x -o =b\n"),
    *("smtp unix - - - - - x -o { a = b } -o {c={d}}\n", "smtp unix - - - - - -\n"),
    *("smtp inet y - - - - x\n", "smtp unix - - - - - x }\n", "smtp unix - - - - - x a {b}c\n"),
    *("smtp unix - - - ? - x\n", "smtp unix - - - 5?? - x\n", " smtp unix - - - - - x\n"),
    *("smtp unix - - - 99999999999 99999999999 x\n", "smtp  unix  -  -\n  x - -  smtp\n"),
    *("smtp unix - - - - - x -v -D -i 5 -m 7 -o a=b -v -o c=d\n", "\n", "smtp\n", "\x00\x01\n"),
    *("smtp unix - - - - - x -v -D -l -u -c -z -o a=b\n", "smtp unix - - - - - x -- -o a=b\n"),
    *("smtp unix - - - - - pipe -o a=b user=foo -o c=d\n", "smtp unix - - - - - x -zoa=b\n"),
    *("smtp unix - - - - - x -o -v -o a=b\n", "smtp unix - - - - - x -o{ a = b c}\n"),
    *(
        "smtp unix - - - - - x -o a=b\\\n  -o c=d\n#x\n -o e=f\n",
        "smtp unix - - - - - x -z -o a=\n",
    ),
    "smtp unix - - y - - smtp -o a=$zork -o relayhost=$zark\n",
    "smtp unix - - y - - smtp -o smtp_x=$zork -o relayhost=$smtp_x\n",
    "smtp unix - - y - - smtp -o relayhost=$foo -o x=$bar\n",
    "smtp unix - - y - - smtp -o foo=2 -o relayhost=x\n",
    "smtp unix - - y - - smtp -o foo=2 -o relayhost=$foo\n",
    "smtp unix - - y - - smtp -o smtpd_restriction_classes=foo,dd,ee -o dd=x\n",
    "smtp unix - - y - - smtp -o canonical_maps=ldap:tt -o tt_search_base=x -o tt_foo=y\n",
    "smtp unix - - y - - smtp -o default_rbl_reply=$f -o mailbox_command=$\n",
    "smtp unix - - y - - smtp -o f=$f -o bar=$stress\n",
    "smtp unix - - y - - smtp -o process_id=3 -o service_name=x\n",
    "smtp unix - - y - - smtp -o relayhost=$\n",
    "smtp unix - - y - - smtp -o unk=$\n",
    "smtp unix - - y - - smtp -o virtual_maps=x -o nosuch=\n",
    "smtp unix - - - - - x\nsmtp unix - - - - - x\nsmtp unix n - - - - z\n",
)
EXCLUSIVE = (
    *("-dn", "-e -# x", "-MP", "-hH relayhost", "-MH", "-Mh", "-Mn", "-Md", "-Fn", "-Fd", "-Pd"),
    *("-P# x", "-FX x", "-F# x", "-n a=b", "-d a=b", "-x a=b", "-h a=b", "-f a=b", "-o q=r a=b"),
    *("-eX a", "-X# a", "-Xd a", "-lm", "-lx", "-mn", "-efh a", "-efx a", "-ehx a", "-den a"),
    *("-XhH a", "-#fxh a", "-MX d/x=1", "-X b=2", "-PM", "-pM", "-pF a=b", "-Fdn", "-hHd -o a=b"),
    *("-bt", "-bl", "-aA", "-lt"),
)
EDITED_MAIN = "#top\n  # indented\na=1\n\n\nb = 2\n  more\n\n# c\n  tail\nbb=3\n#a = x\na=4\njunk\n"
MAIN_EDITS = (
    *("-e a=5", "-e|a=x\ny", "-e #a=x", "-e|  a =  x  y ", "-e =x", "-e|a b=x", "-e a=", "-e b=9"),
    *("-e a=1 a=2", "-e new=1", "-e new=1 new=3", "-X b", "-# b", "-# b=2", "-X #b", "-X|b c"),
    *("-X|a\nb", "-e|", "-e $a=b", "-e a=\\x", "-e B=1", "-# nosuch", "-X nosuch", "a=b", "-p a=b"),
    *("-C user a=b", "-ep a=b", "-X a b", "-# a", "-X a", "-e junk=1", "-e|b=\t1", "-e bb=$a b=2"),
    *("-X junk", "-# junk bb", "-e a=b=c", "-e|a={b c} d", "-e|a={b", "-e|a=\u00e9"),
)
EDITED_MASTER = """# head
smtp unix - - y - - smtp
  -o a=b
# mid
  -o {c = d e} -v end -o x=y
# next

relay     unix  -       -       y       -       -       smtp
        -o syslog_name=postfix/$service_name
#       -o smtp_helo_timeout=5 -o smtp_connect_timeout=5
smtp inet n - - - 1 smtpd
pickup fifo n n n 60 1 pickup -o a=b -o c=d -o a=e f -o a=g
# tail
"""
MASTER_EDITS = (
    *("-M|-e|smtp/unix = smtp unix n n n 5 7 smtp -o q=1 -o { z = w }", "-M# smtp/unix"),
    *("-M|smtp/unix = smtp unix n n n", "-M|smtp/unix = other unix n n n 5 7 smtp", "-M# smtp"),
    *("-M|new/inet = new inet n - - - - smtpd", "-M|new=new inet n - - - - smtpd", "-M# */unix"),
    *("-M|smtp/unix=new foo n - - - - smtpd", "-M -e smtp/unix", "-MX smtp/unix", "-MX */*"),
    *("-MX nosuch/unix", "-MX smtp/unix=x", "-M# smtp/unix pickup/fifo", "-MX smtp/inet smtp/inet"),
    *("-M|smtp/*=smtp inet n - - - - x", "-M|*/inet=smtp inet n - - - - x", "-M -e", "-M#", "-PX"),
    *("-M|none/*=none inet n - - - - x", "-M|a/b/c=smtp inet n - - - - x", "-F -e", "-P -e", "-MX"),
    *("-F smtp/unix/chroot=n", "-F smtp/unix/chroot=z", "-F */unix/chroot=n", "-F smtp/unix=n"),
    *("-F|smtp/unix/command=foo -o { x = y z}", "-F|smtp/unix/command = foo  bar"),
    *("-F smtp/unix/service=bar", "-F smtp/unix/type=inet", "-F smtp/unix/bad=inet"),
    *("-F nosuch/unix/chroot=n", "-F smtp/unix/wakeup=60? smtp/unix/process_limit=0"),
    *("-F|smtp/unix/chroot=y n", "-F smtp/inet/private=x", "-F smtp/inet/wakeup=?"),
    *("-F smtp/inet/process_limit=-1", "-F smtp/inet/type=foo", "-F smtp/inet/command=x"),
    *("-F smtp/unix/command=x smtp/*/chroot=y", "-F smtp/inet/command=x smtp/inet/command=y"),
    *("-P smtp/unix/a=new", "-P|smtp/unix/a=new value", "-P */unix/neu=1", "-P nosuch/unix/neu=1"),
    *(
        "-P smtp/unix=1",
        "-P smtp/unix/a=",
        "-PX smtp/unix/a",
        "-PX smtp/unix/nope",
        "-PX smtp/unix",
    ),
    *("-PX */*/syslog_name", "-P smtp/unix/c=1 relay/unix/c=2", "-PX pickup/fifo/a"),
    *("-P pickup/fifo/a=x", "-P */*/c=9", "-P smtp/unix/nosuch= smtp/unix/b=1", "-P smtp/unix/=1"),
    *("-P /unix/x=1", "-P smtp//x=1", "-P smtp/inet/q=1 smtp/inet/q=2", "-PX smtp/inet/c=1"),
    *("-Me|smtp/unix=smtp unix - - - - - smtp\nx", "-Me|#x/unix=smtp unix - - - - - smtp"),
    *("-Fe|smtp/unix/command=a\nb", "-Pe|smtp/unix/command=a\nb", "-P|smtp/unix/ x = y "),
    *("-P relay/unix/syslog_name=$x", "-F relay/unix/private=n", "-P smtp/inet/a=b smtp/inet/c=d"),
    *(
        "-MX smtp/*",
        "-M# pickup/fifo",
        "-F */*/chroot=-",
        "-PX */*/a",
        "-F|pickup/*/command=x -o a=b",
    ),
)


def queries() -> list[Case]:
    """Return all cases that change nothing."""
    values = [value.strip() for value in VALUES.split("|") if value.strip()]
    return [
        case(ORDINARY, SMTP, *ORDINARY_QUERIES),
        case("foo=1\na=$foo\n", COMPLICATED, *MASTER_QUERIES),
        case("foo_recipient_limit=3\nbar_time_limit=3\nseven_recipient_limit=1\n", TRANSPORTS),
        case(
            "",
            TRANSPORTS,
            "-C service",
            "-C service -d",
            "-HC builtin -d",
            "-hC service",
            "-nC service",
            "-dC user",
        ),
        case("x=1\n", SMTP, "-d", "-dH", "-df", "-C builtin -d"),
        case("x=1\n", SMTP, *EXCLUSIVE),
        *(case(f"smtp_helo_name = {value}\n", SMTP, "-xh smtp_helo_name") for value in values),
        *(
            case(text, SMTP, "-x mydomain myhostname mynetworks append_dot_mydomain")
            for text in COMPUTED
        ),
        *(case(text) for text in FILES),
        *(case("foo=1\n", text, "-M", "-Mf", "-P", "-F", "-n") for text in MASTER_FILES),
    ]


def edits() -> list[Case]:
    """Return all cases with a change."""
    return [
        *(case(EDITED_MAIN, SMTP, command) for command in MAIN_EDITS),
        *(case("a=1\n", EDITED_MASTER, command) for command in MASTER_EDITS),
    ]


GENERATED = 60  # configurations of either kind
OWN_NAMES = ("alpha", "beta", "gamma", "delta")
NAMES = ("relayhost", "smtp_helo_name", "mydestination", "smtp_delivery_slot_cost", "myorigin")
TEXTS = ("", "x", "a b", "10", "9", "3.10", "{ y z }", "a,b", "ldap:alpha", "$$", "0s", "#x", "=")
COMPARATORS = ("==", "!=", "<", "<=", ">", ">=", "<level", "==level")


def value(chance: random.Random, depth: int = 0) -> str:
    """Return a text with references, most of which make sense."""
    if depth > 2:
        return chance.choice(TEXTS)
    name = chance.choice((*OWN_NAMES, *NAMES, "none", "mydomain"))
    inner = [value(chance, depth + 1) for _ in range(2)]
    forms = (
        *(chance.choice(TEXTS), f"${name}", f"${{{name}}}", f"$({name})", f"{inner[0]} {inner[1]}"),
        *(f"${{{name}?{{{inner[0]}}}:{{{inner[1]}}}}}", f"${{{name}:{{{inner[0]}}}}}"),
        *(f"${{{name}?{chance.choice('xyz')}}}", f"${{{name} ? {{{inner[0]}}} : {{{inner[1]}}} }}"),
        f"${{{{{inner[0]}}} {chance.choice(COMPARATORS)} {{{inner[1]}}}}}",
    )
    return chance.choice(forms)


def generated_main_cf(chance: random.Random) -> str:
    """Return settings, comments, continuation lines, in any order."""
    lines = []
    for _ in range(chance.randrange(1, 8)):
        # A name refers to those that follow it, so that few values refer to themselves.
        name = chance.choice((*OWN_NAMES, *NAMES))
        lines.append(f"{name}{chance.choice(('=', ' = ', '= '))}{value(chance)}")
        lines += chance.choices(("", "# comment", "  # indented", "  more text", "\tx"), k=2)
    return "\n".join(lines) + "\n"


def generated_master_cf(chance: random.Random) -> str:
    """Return services."""
    lines = []
    for _ in range(chance.randrange(1, 5)):
        kind = chance.choice(("inet", "unix", "unix", "unix-dgram", "fifo", "pass"))
        flags = [chance.choice("yn-") for _ in range(3)]
        wakeup, limit = (
            chance.choice(("-", "60", "300?", "0")),
            chance.choice(("-", "0", "1", "99")),
        )
        name = chance.choice(("smtp", "relay", "[::1]:628", "a-very-long-service-name", "628"))
        command = chance.choice(("smtp", "qmqpd", "pipe", "spawn", "cleanup"))
        lines.append("  ".join([name, kind, *flags, wakeup, limit, command]))
        for _ in range(chance.randrange(4)):
            setting = (
                f"{chance.choice((*OWN_NAMES, *NAMES))}={chance.choice(('x', '', '$alpha', '1'))}"
            )
            forms = (
                f"-o {setting}",
                "-oalpha=7",
                f"-o {{ {setting} y }}",
                "-v",
                "# comment",
                "-D",
            )
            lines.append(f"  {chance.choice(forms)}")
        lines += chance.choices(("", "# comment", "  flags=R user=x argv=/bin/y $1"), k=1)
    return "\n".join(lines) + "\n"


def generated() -> list[Case]:
    """Return configurations made by chance, always the same ones."""
    chance = random.Random(628)
    return [
        case(
            generated_main_cf(chance),
            generated_master_cf(chance),
            "-n",
            "-nx",
            "-nf",
            "-Mf",
            "-Px",
            "-F",
        )
        for _ in range(GENERATED)
    ]


def generated_edits() -> list[Case]:
    """Return changes of such configurations."""
    chance = random.Random(627)
    found = []
    for _ in range(GENERATED):
        name, setting = chance.choice((*OWN_NAMES, *NAMES)), chance.choice(("x", "a  b", "$y", ""))
        service = chance.choice(("smtp/unix", "relay/*", "*/inet", "*/*", "628/fifo"))
        command = chance.choice(
            (
                *(
                    f"-e|{name}={setting}",
                    f"-X|{name}",
                    f"-#|{name}",
                    f"-MX|{service}",
                    f"-M#|{service}",
                ),
                *(f"-F|{service}/chroot=n", f"-P|{service}/{name}=1", f"-PX|{service}/{name}"),
                *(f"-F|{service}/command=a -o b=c", f"-F|{service}/process_limit=7"),
            )
        )
        found.append(case(generated_main_cf(chance), generated_master_cf(chance), command))
    return found


class Known(NamedTuple):
    """Where ours differs on purpose: a case, and what tells the two apart."""

    case: Case
    theirs: bytes  # in their output or files, and not in ours
    ours: bytes  # the other way round


# Each is in docs/differences.md, with its reason.
KNOWN = {
    "arguments stay what they are": (
        Known(case("", "x unix - - - - - y -omyorigin=z\n", "-M"), b"-o my -o", b"-o myorigin=z"),
        Known(case("", "x unix - - - - - y {a b} {c d}\n", "-M"), b"y a b {c d}", b"y {a b} {c d}"),
        Known(
            case("", "x unix - - - - - y {a b} c\n", "-P x/unix/q=1"),
            b"-o q=1\n    a b c\n",
            b"-o q=1\n    {a b} c\n",
        ),
        Known(case("", "x unix - - - - - y {} c\n", "-M"), b"y  c", b"y {} c"),
    ),
    "a short command stays apart from its arguments": (
        Known(case("", "x unix - - - - - pipe a\n", "-Fh x/*/command"), b"pipea", b"pipe a"),
    ),
    "an edit damages nothing": (
        Known(case("a=1", SMTP, "-e b=2"), b"a=1b = 2\n", b"a=1\nb = 2\n"),
        Known(
            case("", SMTP, "-F smtp/unix/chroot="),
            b"-               -       -       smtp",
            b'fatal: invalid chroot field "" in ""',
        ),
        Known(case("a=1\nb=2\n", SMTP, "-X a a"), b"[(-11)]", b"[(0)]"),
    ),
    "what this suite does not have is not there": (
        Known(case("", SMTP, "-a"), b"dovecot", b"fatal: -a: no SASL in this suite"),
        Known(case("", SMTP, "-t"), b"failure_template", b"fatal: -t: no bounce templates"),
        Known(case("", SMTP, "-m"), b"nis\n", b"valkey\n"),
    ),
    "programs have other names, and some parameters are ours": (
        Known(case("", SMTP, "-d mail_name"), b"= Postfix", b"= Postroom"),
        Known(case("", SMTP, "-d native_services"), b"unknown parameter", b"= qmqpd"),
    ),
}
