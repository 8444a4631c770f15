# SPDX-License-Identifier: GPL-3.0-or-later
"""Antivirus on the wire, with a real clamd, and with some that are not well."""
import socket
import struct
import threading

import scanner
from harness import wait_for
from test_authorization import refusal
from test_policy import STRANGER, count
from test_queue import act, remove

STEPS = ["connect", "ping", "version", "clean", "infected", "descriptors", "size"]


# ---- TestScanner ----

def tried(bed):
    steps = bed.api.call("Diagnostics", "TestScanner", "()")[0]
    assert [step["Step"] for step in steps] == STEPS
    return {step["Step"]: step for step in steps}, {step["Step"]: step["State"] for step in steps}


def test_scanner_that_is_well(bed):
    bed.start()
    clamd = scanner.Clamd(bed)
    for address in (clamd.unix, clamd.tcp):
        bed.api.set("Antivirus", "Address", "s", address)
        steps, states = tried(bed)
        handed = address == clamd.unix
        assert states == {**dict.fromkeys(STEPS, "ok"), "size" if handed else "descriptors": "skipped"}, steps
        assert steps["infected"]["Detail"] == scanner.NAME and steps["version"]["Detail"].startswith("ClamAV "), steps


def test_scanner_with_limits(bed):
    """What clamd does not take is told before mail has to tell it."""
    bed.start()
    clamd = scanner.Clamd(bed, "StreamMaxLength 1M\n")
    bed.api.set("Antivirus", "Address", "s", clamd.tcp)
    steps, states = tried(bed)
    assert states["size"] == "warning" and "StreamMaxLength" in steps["size"]["Detail"], steps
    bed.api.set("General", "MaxMessageSize", "u", 1)
    assert tried(bed)[1]["size"] == "ok"


def test_scanner_that_is_none(bed):
    """Each fault is told by the step that meets it, and what is behind it is passed over."""
    bed.start()
    assert refusal(bed.api.call, "Diagnostics", "TestScanner").name == "InvalidValue"
    old = b"ClamAV 1.0.9/27000/Mon Nov 10 09:12:33 2003\0"
    rows = [
        (b"", "ping", "closed in the middle"), (b"250 mail.example\r\n", "ping", "closed in the middle"),
        (b"x" * 2000, "ping", "does not end"), (b"NO\0", "ping", "this is not clamd"),
        (lambda got: b"PONG\0" if got == b"zPING\0" else b"", "version", "closed in the middle"),
        (lambda got: b"PONG\0" if got == b"zPING\0" else old if got == b"zVERSION\0" else b"stream: Bad FOUND\0", "clean",
         "Bad is found in a harmless message"),
        (lambda got: b"PONG\0" if got == b"zPING\0" else old if got == b"zVERSION\0" else b"no memory ERROR\0", "clean",
         "clamd says: no memory ERROR"),
    ]
    for answer, place, words in rows:
        odd = scanner.Odd(bed, answer)
        bed.api.set("Antivirus", "Address", "s", odd.address)
        steps, states = tried(bed)
        assert states[place] == "failed" and words in steps[place]["Detail"], (place, steps)
        assert {states[step] for step in STEPS[STEPS.index(place) + 1:]} == {"skipped"}, steps
    assert states["version"] == "warning" and steps["version"]["SignatureTime"] == 1068455553, steps
    bed.api.set("General", "MaxMessageSize", "u", 1)
    odd = scanner.Odd(bed, lambda got: b"PONG\0" if got == b"zPING\0" else b"ClamAV 1.0.9\0" if got == b"zVERSION\0"
                      else b"stream: OK\0")
    bed.api.set("Antivirus", "Address", "s", odd.address)
    steps, states = tried(bed)
    assert states["infected"] == "warning" and states["size"] == "ok" and "SignatureTime" not in steps["version"], steps
    for address in (f"127.0.0.1:{bed.ports.take()}", f"unix:{bed.folder}/none.sock", f"unix:/{'x' * 200}", "no.such.host.invalid:3310"):
        bed.api.set("Antivirus", "Address", "s", address)
        assert tried(bed)[1]["connect"] == "failed", address


def test_scanner_test_is_cut_short(bed):
    """One at a time; the server's end does not wait for a scanner that says nothing."""
    bed.start()
    odd = scanner.Odd(bed, None, stay=True)
    bed.api.set("Antivirus", "Address", "s", odd.address)
    ends = []
    caller = threading.Thread(target=lambda: ends.append(refusal(bed.api.call, "Diagnostics", "TestScanner").name))
    caller.start()
    wait_for(lambda: odd.asked, "the scanner to be asked")
    assert refusal(bed.api.call, "Diagnostics", "TestScanner").name == "Busy"
    bed.postbusd.stop()
    caller.join(240)
    assert ends == ["Unavailable"], ends


# ---- on the wire ----

TAKEN, REFUSED, LATER = "250 2.0.0", "554 5.7.1", "451 4.7.1"
ANN = "ann@local.example"


def scan_with(bed, address, policy="enforce", **settings):
    bed.api.set("Antivirus", "Address", "s", address)
    for name, value in settings.items():
        bed.api.set("Antivirus", name, "s", value)
    bed.api.set("Antivirus", "Policy", "s", policy)


def offer(bed, message, source="127.0.0.1", recipients=(ANN,), sender="a@b.example", chunked=False):
    """What the end of the message is answered: its codes, and the rest."""
    with bed.talk(source=source) as talk:
        talk.ehlo()
        talk.envelope(sender, recipients)
        if chunked:
            half = len(message) // 2
            talk.send(b"BDAT %d\r\n" % half + message[:half])
            assert talk.reply()[0] == 250
            talk.send(b"BDAT %d LAST\r\n" % (len(message) - half) + message[half:])
            code, text = talk.reply()
        else:
            code, text = talk.data(message)
        talk.expect("NOOP", 250)  # whatever the answer, the session goes on
        enhanced, rest = text.split(" ", 1)
        return f"{code} {enhanced}", rest


def verdicts(bed, id_):
    lines = bed.api.call("History", "Trail", "(s)", id_)[0]
    return [(line["Outcome"], line["Evidence"]) for line in lines if line["Check"] == "antivirus"]


def alerts(bed):
    return {row["Name"]: row for row in bed.api.call("Alerts", "List", "()")[0]}


def test_infected_is_refused(bed):
    """Plain, in base64 and packed, by DATA and BDAT, from memory and from a file, whoever sends it, by both kinds of socket."""
    bed.start()
    clamd = scanner.Clamd(bed)
    taken = 0
    for address in (clamd.unix, clamd.tcp):
        scan_with(bed, address)
        for name, message in scanner.INFECTED.items():
            for chunked in (False, True):
                codes, text = offer(bed, message, chunked=chunked)
                assert codes == REFUSED and scanner.NAME in text, (address, name, chunked, codes, text)
        assert offer(bed, scanner.PLAIN, source=STRANGER)[0] == REFUSED
        for size in (70_000, 300_000, 3_000_000):
            for chunked in (False, True):
                assert offer(bed, scanner.large(size, True), chunked=chunked)[0] == REFUSED, (address, size)
                assert offer(bed, scanner.large(size, False), chunked=chunked)[0] == TAKEN, (address, size)
                taken += 1
        assert offer(bed, scanner.CLEAN)[0] == TAKEN
        taken += 1
    assert len(bed.wait_mails(bed.ann, taken)) == taken
    assert count(bed, "refused.antivirus") == 2 * (6 + 1 + 6)
    [row] = bed.api.call("History", "Search", "(a{sv}uu)", {}, 0, 1)[-1]
    assert row["Sender"] == "a@b.example"


def test_off_and_watch(bed):
    bed.start()
    clamd = scanner.Clamd(bed)
    scan_with(bed, clamd.unix, "off", OnInfected="discard")
    codes, text = offer(bed, scanner.PLAIN)
    assert codes == TAKEN and verdicts(bed, text.split()[-1]) == []
    for action in ("reject", "discard", "quarantine"):
        scan_with(bed, clamd.unix, "watch", OnInfected=action)
        codes, text = offer(bed, scanner.PLAIN)
        assert codes == TAKEN and verdicts(bed, text.split()[-1]) == [("watched", f"{scanner.NAME}; enforced: {action}")]
    assert count(bed, "watched.antivirus") == 3
    assert len(bed.wait_mails(bed.ann, 4)) == 4
    clamd.stop()
    codes, text = offer(bed, scanner.PLAIN)
    [(outcome, evidence)] = verdicts(bed, text.split()[-1])
    assert codes == TAKEN and outcome == "trouble" and evidence.startswith("not scanned: "), evidence


def test_infected_is_discarded(bed):
    bed.start()
    clamd = scanner.Clamd(bed)
    scan_with(bed, clamd.unix, OnInfected="discard")
    codes, text = offer(bed, scanner.PLAIN)
    assert codes == TAKEN and verdicts(bed, text.split()[-1]) == [("discarded", scanner.NAME)]
    rows = bed.api.call("History", "Search", "(a{sv}uu)", {}, 0, 10)[-1]
    assert [row["Event"] for row in rows] == ["discarded"], rows
    assert count(bed, "discarded.antivirus") == 1
    assert offer(bed, scanner.CLEAN)[0] == TAKEN
    [mail] = bed.wait_mails(bed.ann)
    assert scanner.EICAR not in mail
    bed.queue_empty()


def test_infected_is_quarantined(bed):
    """Held with the reason, over kill -9 too; released it is delivered, removed it is told of without a word of it."""
    bed.start()
    clamd = scanner.Clamd(bed)
    scan_with(bed, clamd.unix, OnInfected="quarantine")
    messages = [scanner.PLAIN, scanner.large(300_000, True)]
    ids = []
    for message in messages:
        codes, text = offer(bed, message, sender=ANN, recipients=(ANN, "two@elsewhere.example"))
        assert codes == TAKEN
        ids.append(text.split()[-1])
        assert verdicts(bed, ids[-1]) == [("quarantined", scanner.NAME)]
    assert count(bed, "quarantined.antivirus") == 2

    def held():
        rows = bed.api.rows("Queue", State="held")
        assert bed.api.get("Queue", "Held") == len(rows)
        for row in rows:
            for recipient in row["Recipients"]:
                assert recipient["HeldFor"] == "malware" and recipient["LastReply"] == f"5.7.1 malware found: {scanner.NAME}", row
        return [row["Id"] for row in rows]
    assert held() == ids
    bed.postbusd.kill()
    bed.postbusd.start()
    assert held() == ids
    assert act(bed, "Retry", All=True) == 0 and held() == ids
    assert offer(bed, scanner.CLEAN)[0] == TAKEN
    assert len(bed.wait_mails(bed.ann)) == 1
    assert act(bed, "Release", Ids=[ids[1]]) == 1
    bed.wait_mails(bed.ann, 2)
    assert held() == ids[:1]
    assert any(scanner.EICAR in mail for mail in bed.mails(bed.ann))
    assert remove(bed, True, Ids=[ids[0]]) == 1
    # Of the released one too: nobody knows elsewhere.example.
    notices = [mail for mail in bed.wait_mails(bed.ann, 4) if b"multipart/report" in mail]
    assert len(notices) == 2 and any(b"removed from the queue" in notice for notice in notices)
    for notice in notices:
        assert scanner.EICAR not in notice and b"Content-Type: application/octet-stream" not in notice, notice
    assert held() == []


def test_a_released_one_may_fail(bed):
    """What was found infected is not quoted when it cannot be delivered later."""
    bed.start()
    clamd = scanner.Clamd(bed)
    scan_with(bed, clamd.unix, OnInfected="quarantine")
    sink = bed.relay_sink()
    sink.rule("RCPT", b"550 5.1.1 No such user")
    assert offer(bed, scanner.PLAIN, sender=ANN, recipients=("two@elsewhere.example",))[0] == TAKEN
    assert act(bed, "Release", All=True) == 1
    [notice] = bed.wait_mails(bed.ann)
    assert b"No such user" in notice and scanner.EICAR not in notice and b"Subject: s" not in notice, notice


# ---- the scanner fails ----

def test_scanner_failures(bed):
    """However it fails, OnFailure says what is done; an alert holds until it works again."""
    bed.start()
    bed.api.set("Antivirus", "Policy", "s", "enforce")
    assert alerts(bed)["scanner-ill"]["Subject"] == ""
    odd = {
        "no address": "", "nobody": f"127.0.0.1:{bed.ports.take()}", "no socket": f"unix:{bed.folder}/none.sock",
        "closes": scanner.Odd(bed, b"").address, "cut in the middle": scanner.Odd(bed, b"stream: O").address,
        "senseless": scanner.Odd(bed, b"250 mail.example\r\n\0").address, "endless": scanner.Odd(bed, b"x" * 100000).address,
        "in trouble": scanner.Odd(bed, b"stream: Can't allocate memory ERROR\0").address,
    }
    for name, address in odd.items():
        scan_with(bed, address, OnFailure="defer")
        for message in (scanner.PLAIN, scanner.CLEAN, scanner.large(3_000_000, False)):
            assert offer(bed, message)[0] == LATER, name
        alert = wait_for(lambda: alerts(bed).get("scanner-ill"), "an alert")
        assert alert["Subject"] == address, (name, alert)
        scan_with(bed, address, OnFailure="accept")
        codes, text = offer(bed, scanner.large(200_000, False))
        [(outcome, evidence)] = verdicts(bed, text.split()[-1])
        assert codes == TAKEN and outcome == "trouble" and evidence.startswith("not scanned: "), (name, outcome, evidence)
    clamd = scanner.Clamd(bed)
    scan_with(bed, clamd.unix, OnFailure="defer")
    wait_for(lambda: not alerts(bed), "the alert to end")
    clamd.stop()
    assert offer(bed, scanner.CLEAN)[0] == LATER
    wait_for(lambda: "scanner-ill" in alerts(bed), "an alert")
    clamd.start()
    # A scanner whose failure took long is left alone for some seconds.
    wait_for(lambda: offer(bed, scanner.CLEAN)[0] == TAKEN, "mail to be scanned again")
    assert offer(bed, scanner.PLAIN)[0] == REFUSED
    wait_for(lambda: not alerts(bed), "the alert to end")
    bed.api.set("Antivirus", "Policy", "s", "off")
    assert count(bed, "refused.antivirus") > 20


def test_scanner_comes_back_without_mail(bed):
    bed.start()
    clamd = scanner.Clamd(bed)
    clamd.stop()
    scan_with(bed, clamd.unix)
    wait_for(lambda: "scanner-ill" in alerts(bed), "an alert")
    clamd.start()
    wait_for(lambda: not alerts(bed), "the alert to end")


def test_silent_scanner(bed):
    """It is waited for a minute, once: others are told at once meanwhile, and mail that is not scanned is not held up."""
    bed.start()
    odd = scanner.Odd(bed, lambda got: None if b"xxxx" in got else b"stream: OK\0", stay=True)
    scan_with(bed, odd.address)
    with bed.talk() as first, bed.talk() as gone:
        for talk in (first, gone):
            talk.ehlo()
            talk.envelope("a@b.example", [ANN])
            talk.expect("DATA", 354)
            talk.send(scanner.large(200_000, False) + b".\r\n")
        wait_for(lambda: sum(b"xxxx" in got for got in odd.asked) == 2, "both to be scanned")
        gone.close()
        assert offer(bed, scanner.CLEAN)[0] == TAKEN, "others are scanned meanwhile"
        assert first.reply()[0] == 451
        odd.answer = None
        assert offer(bed, scanner.CLEAN)[0] == LATER
        assert "took too long" in alerts(bed)["scanner-ill"]["Text"]


def offer_marked(bed, talks, count):
    for _ in range(count):
        talk = bed.talk()
        talks.append(talk)
        talk.ehlo()
        talk.envelope("a@b.example", [ANN])
        talk.expect("DATA", 354)
        talk.send(scanner.large(500, False) + b".\r\n")


def test_clients_that_reset(bed):
    """They take no place before a scanner that never answers; who only closes its side has its answer."""
    bed.start()
    odd = scanner.Odd(bed, lambda got: None if b"xxxx" in got else b"stream: OK\0", stay=True)
    scan_with(bed, odd.address)
    talks = []
    offer_marked(bed, talks, 4)
    wait_for(lambda: sum(b"xxxx" in got for got in odd.asked) == 4, "the scanner's threads to be taken")
    offer_marked(bed, talks, 96)
    for talk in talks:
        talk.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        talk.close()
    wait_for(lambda: bed.postbusd.stderr().count(b"\ncut-off ") == 100, "all to be seen gone")
    assert bed.postbusd.stderr().count(b'reason="Connection reset by peer"') == 100
    with bed.talk() as half:
        half.ehlo()
        half.envelope("a@b.example", [ANN])
        half.expect("DATA", 354)
        half.send(scanner.CLEAN + b".\r\n")
        half.sock.shutdown(socket.SHUT_WR)
        assert half.reply()[0] == 250
    assert offer(bed, scanner.CLEAN)[0] == TAKEN
    assert len(bed.wait_mails(bed.ann, 2)) == 2
    bed.queue_empty()


def test_stop_while_scanning(bed):
    """The server ends while scans are under way, of messages in memory and in files, and others wait for a thread."""
    bed.start()
    odd = scanner.Odd(bed, lambda got: None if len(got) > 100 else b"stream: OK\0", stay=True)
    scan_with(bed, odd.address)
    talks = [bed.talk() for _ in range(8)]
    for number, talk in enumerate(talks):
        talk.ehlo()
        talk.envelope("a@b.example", [ANN])
        talk.expect("DATA", 354)
        talk.send(scanner.large(200_000 if number % 2 else 500, False) + b".\r\n")
    wait_for(lambda: sum(len(got) > 100 for got in odd.asked) == 4, "the scanner's threads to be taken")
    talks.pop(0).close()
    talks.pop().close()
    bed.postbusd.stop()
    for talk in talks:
        assert not talk.at_end().startswith(b"250"), "nothing is taken that was not scanned"


def test_too_large_for_the_scanner(bed):
    """What clamd takes no stream of is up to OnFailure, and no reason for an alert; a file that is handed over has no such limit."""
    bed.start()
    clamd = scanner.Clamd(bed, "StreamMaxLength 1M\n")
    message = scanner.large(3_000_000, True)
    scan_with(bed, clamd.tcp)
    assert offer(bed, message)[0] == LATER
    assert offer(bed, scanner.large(500_000, True))[0] == REFUSED
    bed.api.set("Antivirus", "OnFailure", "s", "accept")
    codes, text = offer(bed, message)
    [(outcome, evidence)] = verdicts(bed, text.split()[-1])
    assert codes == TAKEN and outcome == "trouble" and "size limit exceeded" in evidence, evidence
    assert not alerts(bed)
    scan_with(bed, clamd.unix)
    wait_for(lambda: offer(bed, message)[0] == REFUSED, "the scanner to be known to take files")


# ---- whom rules spare ----

def test_rules_that_spare(bed):
    """Each kind of whitelist rule that skips the scan; by default those by address, network and domain do."""
    bed.start()
    clamd = scanner.Clamd(bed)
    scan_with(bed, clamd.unix)
    bed.api.add("Accounts", Name="bob", Addresses=["bob@local.example"])
    rows = [("ip", STRANGER, True), ("network", "127.0.0.0/29", True), ("domain", "b.example", True), ("sender", "a@b.example", False),
            ("recipient", ANN, False)]
    for kind, value, default in rows:
        rule = bed.api.add("AccessList", Name=kind, List="whitelist", Kind=kind, Value=value)
        assert offer(bed, scanner.PLAIN, source=STRANGER)[0] == (TAKEN if default else REFUSED), kind
        bed.api.call("AccessList", "Remove", "(as)", [rule])
        for skip in (["antivirus"], ["dnsbl"]):
            rule = bed.api.add("AccessList", Name=kind, List="whitelist", Kind=kind, Value=value, Skip=skip)
            codes, text = offer(bed, scanner.PLAIN, source=STRANGER)
            assert codes == (TAKEN if skip == ["antivirus"] else REFUSED), (kind, skip)
            if codes == TAKEN:
                [(outcome, evidence)] = verdicts(bed, text.split()[-1])
                assert outcome == "skipped", (outcome, evidence)
                both = offer(bed, scanner.PLAIN, source=STRANGER, recipients=(ANN, "bob@local.example"))[0]
                assert both == (REFUSED if kind == "recipient" else TAKEN), "every recipient must have it"
            bed.api.call("AccessList", "Remove", "(as)", [rule])


def test_question_of_settings(bed):
    """To scan without a scanner is a problem that Validate tells."""
    bed.start()

    def told():
        return [words for place, severity, words in bed.api.call("Manager", "Validate")[0]
                if place == "Antivirus.Address" and severity == "problem"]
    assert not told()
    bed.api.set("Antivirus", "Policy", "s", "watch")
    assert len(told()) == 1
    bed.api.set("Antivirus", "Address", "s", "127.0.0.1:3310")
    assert not told()
