# SPDX-License-Identifier: GPL-3.0-or-later
"""AuthCheckSender and AuthCheckSenderSkipTrusted, flipped on the bus and seen on the wire."""
import test_auth
from test_auth import STRANGER

OWN = b"From: Ann <ann@local.example>\r\nSubject: own\r\n\r\nbody\r\n"
FOREIGN = b"From: Boss <boss@big.example>\r\nSubject: foreign\r\n\r\nbody\r\n"


def session(bed, logged_in, source=STRANGER):
    talk = test_auth.talk(bed, source, bed.submission_port if logged_in else bed.port)
    if logged_in:
        talk.expect("AUTH PLAIN " + test_auth.plain("ann", "sesame"), 235)
    return talk


def offer(bed, sender, message=OWN, logged_in=True, source=STRANGER, recipient="ann@local.example"):
    """The reply (code, text) to RCPT if that is no 250, else to the message."""
    with session(bed, logged_in, source) as talk:
        talk.expect(f"MAIL FROM:<{sender}>", 250)
        reply = talk.command(f"RCPT TO:<{recipient}>")
        if reply[0] != 250:
            return reply
        talk.expect("DATA", 354)
        talk.send(message + b".\r\n")
        return talk.reply()


def test_logged_in(bed):
    test_auth.start(bed)
    assert offer(bed, "boss@big.example", FOREIGN)[0] == 250
    bed.api.set("General", "AuthCheckSender", "b", True)
    assert offer(bed, "ann@local.example")[0] == 250
    assert offer(bed, "Ann+news@LOCAL.example")[0] == 250
    assert offer(bed, "")[0] == 250
    code, text = offer(bed, "boss@big.example")
    assert code == 553 and text.startswith("5.7.1") and "boss@big.example" in text, text
    code, text = offer(bed, "ann@local.example", FOREIGN)
    assert code == 553 and text.startswith("5.7.1") and "boss@big.example" in text, text
    code, text = offer(bed, "ann@local.example", b"From: ann@local.example\r\n" + FOREIGN)
    assert code == 553 and "more than once" in text, text
    code, text = offer(bed, "ann@local.example", FOREIGN.replace(b"boss@big.example", b"boss@big.example <ann@local.example>"))
    assert code == 553, text
    statistics = bed.api.statistics()
    assert (statistics["refused.sender-login"], statistics["refused.from-login"]) == (1, 3), statistics
    bed.wait_mails(bed.ann, 4)


def test_not_logged_in(bed):
    test_auth.start(bed)
    assert offer(bed, "ann@local.example", logged_in=False)[0] == 250
    bed.api.set("General", "AuthCheckSender", "b", True)
    code, text = offer(bed, "ann@local.example", logged_in=False)
    assert code == 553 and text.startswith("5.7.1") and "not logged in" in text, text
    # A mailing list hands on what ann wrote under its own sender.
    assert offer(bed, "list@lists.example", OWN, logged_in=False)[0] == 250
    assert offer(bed, "", OWN, logged_in=False)[0] == 250
    assert offer(bed, "nobody@local.example", logged_in=False)[0] == 250


def test_trusted_list_spared(bed):
    test_auth.start(bed)
    bed.api.set("General", "AuthCheckSender", "b", True)
    assert offer(bed, "ann@local.example", logged_in=False, source="127.0.0.1")[0] == 553
    bed.api.set("General", "AuthCheckSenderSkipTrusted", "b", True)
    assert offer(bed, "ann@local.example", logged_in=False, source="127.0.0.1")[0] == 250
    assert offer(bed, "ann@local.example", logged_in=False)[0] == 553
    # Its logins are spared, too; a stranger's are not.
    assert offer(bed, "boss@big.example", FOREIGN, source="127.0.0.1")[0] == 250
    assert offer(bed, "boss@big.example", FOREIGN)[0] == 553
