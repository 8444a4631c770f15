# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies in the window: what a watched one would have refused, the rule that a refusal leads to, and what a blocked client did."""
import stub_dns
from test_policy import judge, names

MESSAGE = b"Subject: Hello\r\n\r\nHello\r\n"
STRANGER = "127.0.0.7"
NAMELESS = "127.0.0.6"  # without a name in the DNS

# page, its entry in the sidebar's Security, settings: interface, name, title
WATCHED = [
    ("Sender Policy", [("SenderPolicy", "RejectNonFqdnSender"), ("SenderPolicy", "RejectUnknownSenderDomain")]),
    ("Connection Policy", [("ConnectionPolicy", "RejectUnknownClientHostname")]),
    ("Advanced", [("Advanced", "RejectUnauthorizedPipelining"), ("Advanced", "RejectNonFqdnHelo"), ("Advanced", "RejectUnknownHelo")]),
]


def notes(ui):
    """How often each watched policy of the page would have refused, in the order in which they stand."""
    return [node.name for node in ui.tree().find("label", text="Would have refused ")]


def suspicious(ui):
    """A session that every one of them objects to: 1 for the client, its name and HELO, its sender, and the group."""
    with ui.bed.talk(source=NAMELESS) as talk:
        talk.send(b"EHLO nowhere\r\nNOOP\r\n")
        assert talk.reply()[0] == talk.reply()[0] == 250
        for sender in ("a@host", "a@nowhere.example"):
            talk.expect(f"MAIL FROM:<{sender}>", 250)
            talk.expect("RCPT TO:<ann@local.example>", 250)
            talk.expect("RSET", 250)


def test_watch_counts(ui):
    """Under each policy that watches stands how often it would have refused; with off and enforce nothing stands there."""
    ui.start("sender-policy")
    names(ui.bed)
    for _, settings in WATCHED:
        for interface, name in settings:
            ui.api.set(interface, name, "s", "watch")
    for number in (1, 2):
        suspicious(ui)
        # RejectNonFqdnHelo, RejectUnknownHelo and the client's name object to each recipient, each sender to its own.
        for title, settings in WATCHED:
            ui.go(title, "Security")
            wanted = {"Sender Policy": [number, 2 * number], "Connection Policy": [2 * number],
                      "Advanced": [number, 2 * number, 2 * number]}[title]
            words = [f"Would have refused {n} time{'' if n == 1 else 's'} so far" for n in wanted]
            ui.wait(lambda words=words: sorted(notes(ui)) == sorted(words), f"{words} on {title}, not {notes(ui)}")
    ui.go("Sender Policy", "Security")
    for mode in ("enforce", "off"):
        ui.api.set("SenderPolicy", "RejectNonFqdnSender", "s", mode)
        ui.wait(lambda: len(notes(ui)) == 1, f"no note under a policy that is {mode}")
    ui.api.set("SenderPolicy", "RejectNonFqdnSender", "s", "watch")
    ui.wait(lambda: len(notes(ui)) == 2, "the note again")


def refuse(ui, source, sender="a@ok.example", recipient="ann@local.example"):
    with ui.bed.talk(source=source) as talk:
        talk.ehlo("mail.ok.example")
        talk.command(f"MAIL FROM:<{sender}>")
        code, text = talk.command(f"RCPT TO:<{recipient}>")
        assert code >= 400, (source, sender, code, text)


def row(ui, *texts):
    return ui.find("list item", text=texts[0], where=lambda node: all(text in node.name for text in texts))


# what refuses, from where, the sender; what a rule for the client is to skip
REFUSED = [
    ("spf", "127.0.0.7", "spf@fail.example", ["spf"]),
    ("dnsbl", "127.0.0.9", "dnsbl@ok.example", ["dnsbl"]),
    ("client-name", NAMELESS, "name@ok.example", []),
    ("access-client", "127.0.0.8", "black@ok.example", []),
]


def test_narrowest_rule(ui):
    """Allow drafts a rule for that one client, which skips what refused it and nothing more; such mail is then taken."""
    ui.bed.start()
    names(ui.bed)
    bed = ui.bed
    bed.dns.add("fail.example", "A", "192.0.2.5")
    bed.dns.add("fail.example", "TXT", "v=spf1 -all")
    bed.dns.add("2.0.0.127.bl.example", "A", "127.0.0.2")
    bed.dns.add("9.0.0.127.bl.example", "A", "127.0.0.2")
    ui.api.add("DnsblZones", Zone="bl.example")
    ui.api.add("AccessList", Name="black", List="blacklist", Kind="ip", Value="127.0.0.8")
    for interface, name in (("MailAuth", "SpfPolicy"), ("Dnsbl", "Policy"), ("ConnectionPolicy", "RejectUnknownClientHostname")):
        ui.api.set(interface, name, "s", "enforce")
    for check, source, sender, _ in REFUSED:
        if check == "access-client":
            ui.api.set("ConnectionPolicy", "RejectUnknownClientHostname", "s", "enforce")
        refuse(ui, source, sender)
    ui.start("messages", daemon=False)
    for check, source, sender, skips in REFUSED:
        ui.click(row(ui, "Refused, ann@local.example", f"From {sender}"))
        button = ui.find("button", text="Allow mail like this: ")
        ui.reveal(button)
        ui.act(button)
        ui.find("text box", "Name")
        ui.press("Save")
        [rule] = ui.wait(lambda source=source: [each for each in ui.api.rows("AccessList")
                                                if each["List"] == "whitelist" and each["Value"] == source], f"the rule for {check}")
        assert (rule["Kind"], sorted(rule["Skip"])) == ("ip", skips), (check, rule)
        ui.gone("text box", "Name")
        ui.key("Escape")
        ui.gone("button", text="Allow mail like this: ")
        assert judge(bed, source=source, sender=sender) == "250 2.1.5", check
    # Each is spared its own check alone.
    assert judge(bed, source="127.0.0.9", sender="a@fail.example") == "550 5.7.23"


def test_no_rule_where_none_helps(ui):
    """A client that was refused for its pace, or was blocked, is explained; no rule of the list would let it in."""
    ui.bed.start()
    ui.api.set("ConnectionPolicy", "MaxConnections", "u", 1)
    with ui.bed.talk(source=STRANGER), ui.bed.talk(source=STRANGER) as other:
        assert other.greeting[0] == 421
    ui.start("messages", daemon=False)
    ui.click(row(ui, "Refused", STRANGER))
    ui.find("button", text="Why? ")
    assert not ui.tree().find("button", text="Allow mail like this: ")


def test_why_blocked(ui):
    """From a block to the messages of the client, and to nobody else's."""
    ui.bed.start()
    ui.bed.dns.everything = stub_dns.SERVFAIL
    ui.api.set("MailAuth", "SpfPolicy", "s", "off")
    ui.api.set("Advanced", "MaxUnknownRecipients", "u", 1)
    ui.bed.send("carol@elsewhere.example", ["ann@local.example"], MESSAGE, source="127.0.0.8")
    for name in ("one", "two"):
        refuse(ui, STRANGER, "guess@elsewhere.example", f"{name}@local.example")
    ui.start("blocks", daemon=False)
    ui.find("label", STRANGER)
    ui.press(f"Why? Messages of {STRANGER}")
    ui.wait(lambda: ui.title() == "Messages", "the page of messages")
    row(ui, "From guess@elsewhere.example")
    ui.gone("list item", text="carol@elsewhere.example")
    entry = ui.find("search box", "Search messages by address, client or queue ID")
    ui.reader.set_text(ui.name, entry, "")
    row(ui, "From carol@elsewhere.example")
