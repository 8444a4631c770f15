# SPDX-License-Identifier: GPL-3.0-or-later
"""Logging in: mechanisms as several clients speak them, what is refused, settings that are flipped, blocks, and that no
password stays anywhere."""
import base64
import smtplib
import subprocess
import time

import stranger
from bus import NAME, PATH
from gi.repository import GLib
from harness import wait_for
from smtp_talk import Talk
from test_secrets import Ear, canary, look_in_memory, refusal, secret_traces

STRANGER = "127.0.0.9"  # not trusted: 127.0.0.1 is
NO_ROW = "5bd3be4e-2b5c-4e9f-9a3e-2a9d1f0c7b11"
MESSAGE = b"Subject: hello\r\n\r\nhello\r\n"


def b64(octets):
    return base64.b64encode(octets).decode()


def plain(user, password, authzid=""):
    return b64(b"\0".join(part if isinstance(part, bytes) else part.encode() for part in (authzid, user, password)))


def set_password(bed, password, account=None):
    bed.api.call("Accounts", "SetPassword", "(say)", account or bed.ann, password)


def start(bed, password=b"sesame", in_the_clear=True):
    """Running, ann has a password; sockets for submission too."""
    bed.submission_port = bed.ports.take()
    arguments = bed.postbusd.arguments
    bed.postbusd.arguments = lambda: [*arguments(), f"--listen=submission:127.0.0.1:{bed.submission_port}"]
    bed.start()
    if password:
        set_password(bed, password)
    bed.api.set("General", "AuthPlaintextNeedsTls", "b", not in_the_clear)
    return bed


def talk(bed, source=STRANGER, port=None):
    session = Talk(port or bed.port, source)
    session.ehlo()
    return session


def login(bed, user, password, source=STRANGER, port=None):
    """The code of AUTH PLAIN in a session of its own."""
    with talk(bed, source, port) as session:
        return session.command("AUTH PLAIN " + plain(user, password))[0]


# ---- mechanisms ----

def test_plain_and_login(bed):
    start(bed)
    for user in ("ann", "ANN", "ann@local.example", "Ann@LOCAL.example"):
        assert login(bed, user, "sesame") == 235, user
    with talk(bed) as session:
        assert session.command("AUTH PLAIN") == (334, "")
        session.expect(plain("ann", "sesame", "ann"), 235, "2.7.0")
        session.expect("AUTH PLAIN " + plain("ann", "sesame"), 503, "5.5.1")
        session.expect("MAIL FROM:<ann@local.example> AUTH=<>", 250)
        session.expect("RCPT TO:<far@far.example>", 250)  # logged in: may relay
    for initial in ("", " " + b64(b"ann")):
        with talk(bed) as session:
            code, text = session.command("AUTH LOGIN" + initial)
            if not initial:
                assert (code, base64.b64decode(text)) == (334, b"Username:")
                code, text = session.command(b64(b"ann"))
            assert (code, base64.b64decode(text)) == (334, b"Password:")
            session.expect(b64(b"sesame"), 235, "2.7.0")
    statistics = bed.api.statistics()
    assert (statistics["auth.ok"], statistics["auth.failed"]) == (7, 0), statistics


def test_wrong_and_unknown_are_alike(bed):
    """To the letter, whatever is wrong."""
    start(bed)
    bed.api.set("AuthLimits", "FailuresPerHour", "u", 0)
    off = bed.api.add("Accounts", Name="off", Enabled=False)
    set_password(bed, b"sesame", off)
    bed.api.add("Accounts", Name="none")
    answers = set()
    for user, password in (("ann", "wrong"), ("nobody", "sesame"), ("off", "sesame"), ("none", "sesame"), ("none", ""), ("ann", ""),
                           ("ann", b"\xff"), ("ann@far.example", "sesame"), ("ann", "Sesame")):
        with talk(bed) as session:
            answers.add(session.command("AUTH PLAIN " + plain(user, password)))
            session.expect("MAIL FROM:<ann@local.example>", 250)
            session.expect("RCPT TO:<far@far.example>", 554)
    with talk(bed) as session:
        answers.add(session.command("AUTH PLAIN " + plain("ann", "sesame", "ben")))
    assert len(answers) == 1 and answers.pop()[0] == 535
    log = bed.wait_logged(b"login failed", 10).decode()
    assert "nobody" not in log and "sesame" not in log


def scram_first(session, user):
    session.expect("AUTH SCRAM-SHA-256", 334)
    code, text = session.command(b64(b"n,,n=" + user.encode() + b",r=abc"))
    assert code == 334
    return dict(part.split("=", 1) for part in base64.b64decode(text).decode().split(","))


def test_unknown_user_has_a_salt(bed):
    """The same each time, over a restart too, and as long as a real one."""
    start(bed)
    with talk(bed) as session:
        real = scram_first(session, "ann")
    seen = set()
    for _ in range(2):
        for user in ("nobody", "NOBODY"):
            with talk(bed) as session:
                fake = scram_first(session, user)
                seen.add((fake["s"], fake["i"]))
                session.expect(b64(b"c=biws,r=" + fake["r"].encode() + b",p=" + b64(b"x" * 32).encode()), 535, "5.7.8")
        bed.postbusd.restart()
    assert len(seen) == 1, seen
    salt, iterations = seen.pop()
    assert iterations == real["i"] and len(base64.b64decode(salt)) == len(base64.b64decode(real["s"])) and salt != real["s"]


def gsasl(bed, mechanism, user, password):
    """gsasl's client; the password comes in by a file that it is asked for, never by its arguments."""
    return subprocess.run(["gsasl", "--smtp", "--connect", f"127.0.0.1:{bed.port}", "--no-starttls", "-m", mechanism,
                           "-a", user, "-z", "", "--quiet", f"--password={password}"],
                          capture_output=True, text=True, timeout=240, check=False, stdin=subprocess.DEVNULL)


def test_gsasl(bed):
    """SCRAM stays where PLAIN needs TLS; the client is GNU SASL's."""
    start(bed, in_the_clear=False)
    run = gsasl(bed, "SCRAM-SHA-256", "ann", "sesame")
    assert run.returncode == 0, run
    run = gsasl(bed, "SCRAM-SHA-256", "ann", "Sesame")
    assert run.returncode != 0, run
    # What a keyboard writes in another way is the same password (RFC 4013).
    set_password(bed, "pa\u00adß\u2168".encode())
    assert gsasl(bed, "SCRAM-SHA-256", "ann", "paßIX").returncode == 0
    assert bed.api.statistics()["auth.ok"] == 2
    bed.wait_logged(b"login account=ann mechanism=SCRAM-SHA-256 client=127.0.0.1")


def test_swaks_submits(bed):
    """Mail by a login on the submission port, and the trace of it."""
    start(bed)
    sink = bed.relay_sink()
    for mechanism in ("PLAIN", "LOGIN"):
        run = subprocess.run(["swaks", "--server", "127.0.0.1", "--port", str(bed.submission_port), "--local-interface", STRANGER,
                              "--auth", mechanism, "--auth-user", "ann", "--auth-password", "sesame",
                              "--from", "ann@local.example", "--to", "far@far.example", "--header", "Subject: " + mechanism],
                             capture_output=True, text=True, timeout=240, check=False, stdin=subprocess.DEVNULL)
        assert run.returncode == 0 and "235 2.7.0" in run.stdout, run.stdout + run.stderr
    bed.queue_empty()
    assert len(sink.messages) == 2
    assert all(b"with ESMTPA id" in message.raw for message in sink.messages), sink.messages[0].raw


def test_smtplib(bed):
    start(bed)
    with smtplib.SMTP("127.0.0.1", bed.submission_port, source_address=(STRANGER, 0), timeout=240) as client:
        try:
            client.sendmail("ann@local.example", ["ann@local.example"], MESSAGE)
            raise AssertionError("mail was taken without a login")
        except smtplib.SMTPSenderRefused as error:
            assert error.smtp_code == 530 and b"5.7.0" in error.smtp_error, error
        client.login("ann", "sesame")
        client.sendmail("ann@local.example", ["ann@local.example"], MESSAGE)
    assert len(bed.wait_mails(bed.ann)) == 1


# ---- what is refused ----

def test_out_of_place(bed):
    start(bed)
    with Talk(bed.port, STRANGER) as session:
        session.expect("AUTH PLAIN " + plain("ann", "sesame"), 503, "5.5.1")
        session.expect("HELO client.example", 250)
    with talk(bed) as session:
        session.expect("AUTH", 501)
        session.expect("AUTH CRAM-MD5", 504, "5.5.4")
        session.expect("AUTH SCRAM-SHA-256-PLUS", 504, "5.5.4")
        session.expect("MAIL FROM:<>", 250)
        session.expect("AUTH PLAIN " + plain("ann", "sesame"), 503, "5.5.1")
        session.expect("RSET", 250)
        for garbage in ("====", "AA", "n,,n=ann", "=A==", "AGFubgBzZXNhbWU", "*"):
            session.expect("AUTH PLAIN " + garbage, 501, "5.5.2")
        session.expect("AUTH PLAIN =", 501, "5.5.2")
        session.expect("AUTH PLAIN", 334)
        session.expect("*", 501, "5.7.0")
        session.expect("AUTH LOGIN", 334)
        session.expect("QUIT", 501, "5.5.2")
        session.expect("AUTH PLAIN " + plain("ann", "sesame"), 235)


def test_long_lines(bed):
    """12,288 octets are taken, a MiB is not, and nobody is worse off for it."""
    start(bed)
    with talk(bed) as session:
        session.expect("AUTH PLAIN", 334)
        session.expect(plain("ann", "x" * 9000), 535)
        session.expect("AUTH PLAIN " + plain("ann", "x" * 9000), 535)
        session.expect("AUTH PLAIN", 334)
        session.expect("A" * (1 << 20), 500, "5.5.6")
        session.expect("AUTH PLAIN " + "A" * (1 << 20), 500)
        session.expect("NOOP " + "x" * 5000, 500, "5.5.2")
        session.expect("NOOP", 250)
        session.expect("AUTH PLAIN " + plain("ann", "sesame"), 235)


def test_settings_are_obeyed(bed):
    start(bed, in_the_clear=False)

    def offer():
        with Talk(bed.port, STRANGER) as session:
            return [line for line in session.ehlo() if line.startswith("AUTH")]

    assert offer() == ["AUTH SCRAM-SHA-256"]
    with talk(bed) as session:
        session.expect("AUTH PLAIN " + plain("ann", "sesame"), 538, "5.7.11")
        session.expect("AUTH LOGIN", 538, "5.7.11")
    bed.api.set("General", "AuthPlaintextNeedsTls", "b", False)
    assert offer() == ["AUTH SCRAM-SHA-256 PLAIN LOGIN"]
    bed.api.set("Mailboxes", "AccountSource", "s", "pam")
    assert offer() == ["AUTH PLAIN LOGIN"]
    bed.api.set("Mailboxes", "AccountSource", "s", "internal")
    bed.api.set("General", "AuthEnabled", "b", False)
    assert offer() == []
    with talk(bed) as session:
        session.expect("AUTH PLAIN " + plain("ann", "sesame"), 503, "5.5.1")
        session.expect("MAIL FROM:<> AUTH=<>", 555)
    bed.api.set("General", "AuthEnabled", "b", True)
    assert login(bed, "ann", "sesame") == 235


def test_many_at_once(bed):
    """1,000 logins at once: all answered, and mail goes on beside them."""
    start(bed)
    bed.api.set("AuthLimits", "FailuresPerHour", "u", 0)
    bed.api.set("ConnectionPolicy", "MaxConnections", "u", 0)
    sessions = [talk(bed) for _ in range(1000)]
    for session in sessions:
        session.send(b"AUTH PLAIN " + plain("ann", "sesame").encode() + b"\r\n")
    bed.send("ann@local.example", ["ann@local.example"], MESSAGE)
    codes = {}
    for session in sessions:
        code = session.reply()[0]
        codes[code] = codes.get(code, 0) + 1
        session.close()
    assert set(codes) <= {235, 454} and codes[235] > 0 and sum(codes.values()) == 1000, codes
    assert len(bed.wait_mails(bed.ann)) == 1


# ---- accounts ----

def test_set_password(bed):
    start(bed, password=None)

    def is_set(account=bed.ann):
        return bed.api.call("Accounts", "Get", "(s)", account)[0]["PasswordSet"]

    assert not is_set() and login(bed, "ann", "") == 535
    ear = Ear(bed.api)
    set_password(bed, b"sesame\0")
    revision = bed.api.get("Manager", "Revision")
    assert ("Accounts", "Changed", (revision,)) in ear.take()
    assert is_set() and login(bed, "ann", "sesame") == 235
    rows = bed.api.call("Manager", "Revisions", "(uu)", 0, 1)[1]
    assert rows[0]["What"] == f"Accounts: password of {bed.ann} set" and rows[0]["Changes"] == [], rows
    wrong = ((b"a\0b", bed.ann, "InvalidValue"), (b"a\nb", bed.ann, "InvalidValue"), (b"\xff", bed.ann, "InvalidValue"),
             ("\u0007x".encode(), bed.ann, "InvalidValue"), (b"x" * 1025, bed.ann, "TooLarge"),
             (b"x" * 65536, bed.ann, "TooLarge"), (b"x", NO_ROW, "NotFound"), (b"x", "\n", "NotFound"))
    for octets, account, name in wrong:
        assert refusal(set_password, bed, octets, account).name == name, octets
    assert bed.api.get("Manager", "Revision") == revision
    # What List showed may come back; it says nothing about passwords.
    bed.api.call("Accounts", "Update", "(sa{sv})", bed.ann, {"PasswordSet": GLib.Variant("b", False)})
    set_password(bed, b"x" * 1024)
    assert login(bed, "ann", "x" * 1024) == 235 and login(bed, "ann", "sesame") == 535
    bed.postbusd.kill()
    bed.postbusd.start()
    assert is_set() and login(bed, "ann", "x" * 1024) == 235
    before = bed.api.get("Manager", "Revision")
    exported = bed.api.call("Manager", "Export")[0]
    assert "PasswordSet" not in exported and "verifier" not in exported
    set_password(bed, b"other")
    bed.api.call("Manager", "Revert", "(t)", before)
    assert login(bed, "ann", "other") == 235
    set_password(bed, b"")
    assert not is_set() and login(bed, "ann", "other") == 535
    set_password(bed, b"sesame")
    # It goes with its account, and does not come back with it.
    bed.api.call("Accounts", "Remove", "(as)", [bed.ann])
    bed.api.call("Manager", "Import", "(sa{sv})", exported, {})
    assert not [row for row in bed.api.rows("Accounts") if row["PasswordSet"]]
    assert login(bed, "ann", "sesame") == 535


def test_from_a_shell(bed):
    start(bed, password=None)
    subprocess.run(["gdbus", "call", "--address", bed.bus.address, "-d", NAME, "-o", PATH, "-m", f"{NAME}.Accounts.SetPassword",
                    bed.ann, "b'sesame'"], check=True, timeout=240, stdout=subprocess.DEVNULL)
    assert login(bed, "ann", "sesame") == 235
    subprocess.run(["busctl", "--address=" + bed.bus.address, "call", NAME, PATH, f"{NAME}.Accounts", "SetPassword", "say",
                    bed.ann, "3", "0x61", "0x62", "0x63"], check=True, timeout=240)
    assert login(bed, "ann", "abc") == 235


# ---- blocks ----

def blocks(bed, **row_filter):
    return bed.api.call("Blocks", "List", "(a{sv}uu)", {k: GLib.Variant("s", v) for k, v in row_filter.items()}, 0, 500)[1]


def fail_logins(bed, user, times, source):
    for _ in range(times):
        assert login(bed, user, "wrong", source) == 535


def at_connect(bed, source):
    with Talk(bed.port, source) as session:
        return session.greeting


def test_client_is_blocked(bed):
    start(bed)
    bed.api.set("AuthLimits", "FailuresPerHour", "u", 3)
    ear = Ear(bed.api)
    fail_logins(bed, "nobody", 3, STRANGER)
    assert at_connect(bed, STRANGER)[0] == 220 and blocks(bed) == []
    with talk(bed) as other:
        fail_logins(bed, "nobody", 1, STRANGER)
        code, text = at_connect(bed, STRANGER)
        assert code == 421 and text.startswith("4.7.0 Blocked until 20") and text.endswith("Z"), text
        other.expect("AUTH PLAIN " + plain("ann", "sesame"), 421, "4.7.0")
    assert login(bed, "ann", "sesame", "127.0.0.8") == 235
    row, = blocks(bed)
    assert (row["Kind"], row["Subject"], row["Reason"]) == ("ip", STRANGER, "failed-logins") and row["Expires"] - row["Since"] == 3600
    wait_for(lambda: ("Blocks", "Changed", ()) in ear.take(), "the signal")
    # Over restarts, in order and not.
    bed.postbusd.restart()
    assert blocks(bed) == [row] and at_connect(bed, STRANGER)[0] == 421
    bed.postbusd.kill()
    bed.postbusd.start()
    assert blocks(bed) == [row]
    bed.api.call("Blocks", "Extend", "(st)", row["Id"], row["Expires"] + 60)
    assert blocks(bed)[0]["Expires"] == row["Expires"] + 60
    assert blocks(bed, Search="127.0.0.9") and not blocks(bed, Search="192")
    for call in (("Extend", "(st)", row["Id"], 1), ("Extend", "(st)", NO_ROW, int(time.time()) + 60), ("Lift", "(as)", [NO_ROW])):
        assert refusal(bed.api.call, "Blocks", *call).name in ("InvalidValue", "NotFound")
    bed.api.call("Blocks", "Lift", "(as)", [row["Id"]])
    assert blocks(bed) == [] and at_connect(bed, STRANGER)[0] == 220
    bed.postbusd.restart()
    assert blocks(bed) == []
    # Who may relay unasked is not counted: a printer with an old password goes on printing.
    fail_logins(bed, "nobody", 6, "127.0.0.1")
    assert at_connect(bed, "127.0.0.1")[0] == 220 and blocks(bed) == []


def test_account_is_blocked(bed):
    """Its right password is answered as a wrong one, by every mechanism, and nobody is told why."""
    start(bed)
    bed.api.set("AuthLimits", "FailuresPerHour", "u", 2)
    for last in range(3):
        fail_logins(bed, "ANN@local.example", 1, f"127.0.1.{last + 1}")
    assert login(bed, "ann", "sesame", "127.0.1.9") == 535
    assert gsasl(bed, "SCRAM-SHA-256", "ann", "sesame").returncode != 0
    row, = blocks(bed)
    assert (row["Kind"], row["Subject"]) == ("account", "ann"), row
    bed.api.call("Blocks", "Lift", "(as)", [row["Id"]])
    assert login(bed, "ann", "sesame", "127.0.1.9") == 235
    assert gsasl(bed, "SCRAM-SHA-256", "ann", "sesame").returncode == 0


def test_blocks_expire(bed):
    start(bed)
    bed.api.set("AuthLimits", "FailuresPerHour", "u", 1)
    bed.api.set("AuthLimits", "BlockSeconds", "u", 1)
    fail_logins(bed, "nobody", 2, STRANGER)
    wait_for(lambda: at_connect(bed, STRANGER)[0] == 220, "the block to end")
    assert blocks(bed) == []
    bed.api.set("AuthLimits", "FailuresPerHour", "u", 0)
    fail_logins(bed, "nobody", 5, STRANGER)
    assert blocks(bed) == []


# ---- passwords stay nowhere ----

def test_shown_nowhere(bed):
    """What was set, what was given right and wrong: not in the state, its logs, signals or the daemon's log."""
    passwords = [canary() for _ in range(5)]
    start(bed, passwords[0])
    ear = Ear(bed.api)
    set_password(bed, passwords[1])
    refusals = [refusal(set_password, bed, passwords[2], NO_ROW), refusal(set_password, bed, passwords[3] + b"\n")]
    assert login(bed, "ann", passwords[1]) == 235 and login(bed, "ann", passwords[4]) == 535
    assert login(bed, passwords[4], passwords[4]) == 535  # typed into the wrong field
    shown = [repr(refusals), repr(ear.take()), bed.api.call("Manager", "Export")[0],
             repr(bed.api.call("Manager", "Revisions", "(uu)", 0, 100)), repr(bed.api.rows("Accounts"))]
    for text in shown:
        assert not [password for password in passwords if password[7:].decode() in text], text
    assert not secret_traces(bed, passwords)
    bed.postbusd.kill()
    assert not secret_traces(bed, passwords)
    bed.postbusd.start()
    assert login(bed, "ann", passwords[1]) == 235


def test_memory_forgets_them(bed):
    """Once answered a password is nowhere in the daemon's memory: set, given right or wrong, cut off in the middle."""
    stranger.need_root()  # only root may look
    start(bed)
    bed.api.set("AuthLimits", "FailuresPerHour", "u", 0)
    control = canary()
    bed.api.set("General", "Banner", "s", control.decode())
    passwords = []

    def password(length=0):
        passwords.append(canary())
        return b"x" * length + passwords[-1]

    for length in (0, 200, 900):
        set_password(bed, password(length))
        refusal(set_password, bed, password(length), NO_ROW)
        refusal(set_password, bed, password(length) + b"\n")
        assert login(bed, "ann", password(length)) == 535
        with talk(bed) as session:
            session.expect("AUTH LOGIN", 334)
            session.expect(b64(b"ann"), 334)
            session.expect(b64(password(length)), 535)
        with talk(bed) as session:
            session.send(b"AUTH PLAIN " + plain("ann", password(length)).encode() + b"\r\n")
        right = password(length)
        set_password(bed, right)
        assert login(bed, "ann", right) == 235
    ends = {each[-12:] for each in passwords} | {b64(b"xx" + each)[-16:].encode() for each in passwords}
    pid = bed.postbusd.process.pid
    assert look_in_memory(pid, {control[-12:]}), "the search does not find what is there"
    wait_for(lambda: not look_in_memory(pid, ends), "the passwords to be gone from memory")
