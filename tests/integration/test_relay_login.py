# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins at a relay host with the password that is kept, asked for, refused, or another's: what goes over the wire, what waits,
which alerts there are; and TestRelay."""
import os
import subprocess

import mock_polkit
import stranger
import test_relay_postfix
from bus import NAME, PATH, Api, BusError
from certificates import make_pair
from gi.repository import Gio, GLib
from harness import wait_for
from login_relay import Relay
from mock_polkit import NO, YES
from test_secrets import Ear, apply, canary, general, look_in_memory, refusal, secret_traces, set_secret

FAR = "bob@far.example"
MESSAGE = b"Subject: over the relay\r\n\r\nhello\r\n"
AGENT_PATH = "/org/postbus/Postbus1/SecretAgent"
AGENT_XML = f"""<node><interface name="{NAME}.SecretAgent"><method name="GetRelaySecret"><arg type="s" direction="in"/>
<arg type="a{{sv}}" direction="in"/><arg type="ay" direction="out"/></method></interface></node>"""
STEPS = ["resolve", "connect", "greeting", "tls", "login", "mail", "recipient"]


def fingerprint(chain):
    """Of the public key, as people make it."""
    key = subprocess.run(["openssl", "x509", "-in", chain, "-pubkey", "-noout"], check=True, capture_output=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=key, check=True, capture_output=True).stdout
    return subprocess.run(["openssl", "dgst", "-sha256", "-r"], input=der, check=True,
                          capture_output=True).stdout.split()[0].decode()


def login_relay(bed, name="relay", **options):
    """A relay host with a certificate of its own making; its pin is in .fingerprint."""
    pair = make_pair(bed.folder, name)
    relay = Relay(bed.ports.take(), pair, **options)
    relay.fingerprint = fingerprint(pair[0])
    bed.on_close(relay.stop)
    return relay


def lead_to(bed, relay, storage="system", **more):
    apply(bed, Mode=("s", "relay"), RelayServer=("s", "127.0.0.1"), RelayPort=("u", relay.port), RelayAuth=("b", True),
          RelayUser=("s", "nas"), RelayTls=("s", "implicit" if relay.implicit else "starttls"), RelayVerify=("s", "fingerprint"),
          RelayFingerprint=("s", relay.fingerprint), RelaySecretStorage=("s", storage), **more)


def send(bed, recipient=FAR):
    bed.send("ann@local.example", [recipient], MESSAGE)


def alerts(bed):
    return {(row["Name"], row["Subject"]): row for row in bed.api.call("Alerts", "List")[0]}


def wait_alerts(bed, *expected):
    wait_for(lambda: {name for name, _ in alerts(bed)} == set(expected), f"the alerts {expected}")
    return alerts(bed)


def last_reply(bed):
    """Why mail waits."""
    return " ".join(str(row) for row in bed.api.rows("Queue"))


class Agent:
    """A client that says passwords, on a connection of its own."""

    def __init__(self, bed, password=b"", api=None):
        self.api = api or Api(bed.bus.address)
        self.password = password
        self.asked = []
        self.held = []
        node = Gio.DBusNodeInfo.new_for_xml(AGENT_XML)
        self.api.connection.register_object(AGENT_PATH, node.interfaces[0], self.on_call, None, None)

    def register(self):
        self.api.call("Manager", "RegisterSecretAgent")
        return self

    def on_call(self, connection, sender, path, interface, method, parameters, invocation):
        self.asked.append(parameters.unpack())
        if self.password is None:
            self.held.append(invocation)
        elif self.password == b"":
            invocation.return_dbus_error("org.example.No", "no")
        else:
            self.answer(invocation)

    def answer(self, invocation):
        # Not octet by octet, as GLib.Variant() goes through a bytes: of a MiB that takes longer than the daemon waits.
        octets = GLib.Variant.new_from_bytes(GLib.VariantType("ay"), GLib.Bytes(self.password), True)
        invocation.return_value(GLib.Variant.new_tuple(octets))


def turn(predicate, what, seconds=240):
    """Waits while the agents of this process answer."""
    context = GLib.MainContext.default()

    def check():
        while context.iteration(False):
            pass
        return predicate()
    return wait_for(check, what, seconds)


def test_kept_password_logs_in(bed):
    bed.start()
    secret = canary()
    for relay in (login_relay(bed, passwords={"nas": secret}), login_relay(bed, "other", passwords={"nas": secret}, implicit=True)):
        lead_to(bed, relay)
        set_secret(bed.api, secret)
        send(bed)
        assert relay.wait(relay.messages)[0].endswith(b"hello\r\n")
        assert relay.logins == [(b"nas", secret, True)]
        assert secret not in relay.heard().split(b"AUTH")[0]
    bed.queue_empty()
    assert not alerts(bed)
    assert not secret_traces(bed, [secret])


def test_repointed_relay_gets_nothing(bed):
    """The password for one relay never reaches another, whatever it offers, until it is set anew."""
    bed.start()
    secret, fresh = canary(), canary()
    first = login_relay(bed, passwords={"nas": secret})
    second = login_relay(bed, "second", passwords={"nas": fresh})
    lead_to(bed, first)
    set_secret(bed.api, secret)
    send(bed)
    first.wait(first.messages)
    lead_to(bed, second)
    assert general(bed) == "stale"
    send(bed)
    row = wait_alerts(bed, "relay-password-missing")["relay-password-missing", "general"]
    assert "set anew" in row["Text"] and row["Remedy"], row
    bed.wait_deferred()
    assert "set anew" in last_reply(bed), last_reply(bed)
    assert not second.logins and secret not in second.heard()
    set_secret(bed.api, fresh)
    second.wait(second.messages)
    assert second.logins == [(b"nas", fresh, True)] and secret not in second.heard()
    bed.queue_empty()
    wait_alerts(bed)
    assert not secret_traces(bed, [secret, fresh])


def test_refused_login_waits_and_alerts(bed):
    bed.start()
    right, wrong = canary(), canary()
    relay = login_relay(bed, passwords={"nas": right})
    ear = Ear(bed.api)
    lead_to(bed, relay)
    set_secret(bed.api, wrong)
    send(bed)
    row = wait_alerts(bed, "relay-login-refused")["relay-login-refused", "general"]
    assert "535" in row["Text"] and "nas" in row["Text"] and wrong.decode() not in str(row), row
    wait_for(lambda: ("Alerts", "Changed", ()) in ear.take(), "the signal")
    bed.wait_deferred()
    assert "535" in last_reply(bed), last_reply(bed)
    bed.wait_logged(b"relay-login-refused")
    set_secret(bed.api, right)
    relay.wait(relay.messages)
    bed.queue_empty()
    wait_alerts(bed)
    assert [good for _, _, good in relay.logins] == [False, True]
    assert not bed.mails(bed.ann), "a refused login must not bounce"
    assert not secret_traces(bed, [right, wrong])


def test_exception_has_its_own_login(bed):
    bed.start()
    secret, other = canary(), canary()
    relay = login_relay(bed, passwords={"nas": secret})
    special = login_relay(bed, "special", passwords={"bank": other})
    lead_to(bed, relay)
    set_secret(bed.api, secret)
    row = bed.api.add("RelayExceptions", Name="Bank", Kind="recipient", Targets=["bank.example"], Server="127.0.0.1",
                      Port=special.port, Tls="starttls", Verify="fingerprint", Fingerprint=special.fingerprint, Auth=True, User="bank")
    set_secret(bed.api, other, row)
    send(bed)
    send(bed, "clerk@bank.example")
    relay.wait(relay.messages)
    special.wait(special.messages)
    assert relay.logins == [(b"nas", secret, True)] and special.logins == [(b"bank", other, True)]
    # What is wrong with one is told of that one, and goes with it.
    set_secret(bed.api, b"wrong", row)
    assert tried(bed, row)[1]["login"] == "failed"
    found = wait_alerts(bed, "relay-login-refused")
    assert "Bank" in found["relay-login-refused", row]["Text"], found
    bed.api.call("RelayExceptions", "Remove", "(as)", [row])
    wait_alerts(bed)
    assert refusal(bed.api.call, "Manager", "TestRelay", "(s)", row).name == "NotFound"
    # Its mail takes the other way now.
    send(bed, "clerk@bank.example")
    relay.wait(relay.messages, 2)


def test_agent_is_asked(bed):
    """Mail waits with the reason; a client that registers is asked once and the mail goes; the password stays in memory only."""
    bed.start()
    secret = canary()
    relay = login_relay(bed, passwords={"nas": secret})
    lead_to(bed, relay, "agent")
    for _ in range(5):
        send(bed)
    wait_alerts(bed, "relay-password-missing")
    bed.wait_deferred(5)
    assert "asked for" in last_reply(bed), last_reply(bed)
    agent = Agent(bed, secret).register()
    turn(lambda: len(relay.messages) == 5, "the mail that waited")
    turn(lambda: not alerts(bed), "no alert")
    assert len(agent.asked) == 1, agent.asked
    name, details = agent.asked[0]
    assert name == "general" and details == {
        "Instance": bed.api.get("Manager", "InstanceId"), "Server": "127.0.0.1", "Port": relay.port, "User": "nas", "Name": "",
        "Storage": "agent", "Refused": ""}, details
    assert general(bed) == "none"
    # It is gone with the daemon, and asked for again.
    bed.postbusd.restart()
    assert not secret_traces(bed, [secret])
    send(bed)
    bed.wait_deferred()
    agent.register()
    turn(lambda: len(relay.messages) == 6, "the mail after the restart")
    assert len(agent.asked) == 2
    # Elsewhere it is another question.
    other = login_relay(bed, "other", passwords={"nas": secret})
    lead_to(bed, other, "agent")
    agent.password = b""
    send(bed)
    turn(lambda: len(agent.asked) == 3, "the question for the other relay")
    turn(lambda: bed.api.get("Queue", "Deferred") == 1, "the mail to wait")
    assert not other.logins and secret not in other.heard()


def test_agent_password_is_refused(bed):
    bed.start()
    wrong, right = canary(), canary()
    relay = login_relay(bed, passwords={"nas": right})
    lead_to(bed, relay, "agent")
    agent = Agent(bed, wrong).register()
    send(bed)
    turn(lambda: ("relay-login-refused", "general") in alerts(bed), "the alert")
    agent.password = right
    agent.register()
    turn(lambda: relay.messages, "the mail")
    assert len(agent.asked) == 2 and "535" in agent.asked[1][1]["Refused"], agent.asked
    turn(lambda: not alerts(bed), "no alert")
    if os.getuid() == 0:
        wait_for(lambda: not look_in_memory(bed.postbusd.process.pid, {wrong[-12:]}), "the refused password to be gone")


def test_agent_vanishes_and_is_silent(bed):
    bed.start()
    secret = canary()
    relay = login_relay(bed, passwords={"nas": secret})
    lead_to(bed, relay, "ask")
    silent = Agent(bed, None).register()
    send(bed)
    turn(lambda: silent.asked, "the question")
    assert silent.asked[0][1]["Storage"] == "ask"
    silent.api.close()
    wait_alerts(bed, "relay-password-missing")
    bed.wait_deferred()
    # The one after it is asked for the same mail.
    agent = Agent(bed, secret).register()
    turn(lambda: relay.messages, "the mail")
    assert len(agent.asked) == 1


def test_what_agents_say_wrong(bed):
    bed.start()
    relay = login_relay(bed, passwords={"nas": canary()})
    lead_to(bed, relay, "agent")
    for number, wrong in enumerate((b"x" * 1025, b"x" * (1 << 20), b"a\0b", b"a\r\nb", b"\0")):
        agent = Agent(bed, wrong).register()
        send(bed)
        turn(lambda: agent.asked, "the question")
        bed.wait_deferred(number + 1)
        agent.api.call("Manager", "UnregisterSecretAgent")
        agent.api.call("Manager", "UnregisterSecretAgent")
    assert not relay.logins
    bed.wait_logged(b"secret agent said no password", 5)


def test_strangers_are_no_agents(bed):
    stranger.need_root()
    bed.start()
    granted = set()
    polkit = mock_polkit.MockPolkit(
        bed.bus.address, lambda question: YES if question.action.removeprefix(NAME + ".") in granted else NO)
    api = stranger.connect(bed)
    for actions in (set(), {"view", "modify-settings"}, {"set-secrets"}):
        granted |= actions
        granted &= actions
        assert refusal(api.call, "Manager", "RegisterSecretAgent").name == "NotAuthorized", actions
    for actions in (set(), {"set-secrets", "view"}, {"modify-settings"}):
        granted |= actions
        granted &= actions
        assert refusal(api.call, "Manager", "TestRelay", "(s)", "general").name == "NotAuthorized", actions
    granted |= {"set-secrets", "view"}
    Agent(bed, b"x", api).register()
    # Too many is too many.
    crowd = [stranger.connect(bed) for _ in range(32)]
    for each in crowd[:31]:
        each.call("Manager", "RegisterSecretAgent")
    assert refusal(crowd[31].call, "Manager", "RegisterSecretAgent").name == "Busy"
    crowd[0].close()
    wait_for(lambda: "secret agent gone" in bed.postbusd.stderr().decode(), "the place of the one that left")
    crowd[31].call("Manager", "RegisterSecretAgent")
    polkit.stop()


# ---- TestRelay ----

def tried(bed, relay="general"):
    steps = bed.api.call("Manager", "TestRelay", "(s)", relay)[0]
    return steps, {step["Step"]: step["State"] for step in steps}


def test_a_relay_that_is_right(bed):
    bed.start()
    secret = canary()
    for relay in (login_relay(bed, passwords={"nas": secret}), login_relay(bed, "other", passwords={"nas": secret}, implicit=True)):
        lead_to(bed, relay)
        set_secret(bed.api, secret)
        steps, states = tried(bed)
        assert states == dict.fromkeys(STEPS, "ok"), steps
        [tls] = [step for step in steps if step["Step"] == "tls"]
        assert tls["Fingerprint"] == relay.fingerprint and tls["Subject"].endswith(".example") and tls["Names"], tls
        assert not tls["Verified"] and "self" in tls["Trouble"] and tls["NotAfter"] > tls["NotBefore"] > 0, tls
        assert all(step["Seconds"] >= 0 for step in steps)
        assert not relay.messages and relay.logins == [(b"nas", secret, True)]
        assert secret.decode() not in str(steps)
    # Nothing was queued for it.
    assert bed.api.get("Queue", "Active") == 0


def test_relays_that_are_wrong(bed):
    bed.start()
    secret = canary()
    relay = login_relay(bed, passwords={"nas": secret})
    lead_to(bed, relay)

    steps, states = tried(bed)
    assert states["login"] == "failed" and states["mail"] == "skipped" and states["tls"] == "ok", steps
    set_secret(bed.api, b"wrong")
    steps, states = tried(bed)
    assert states["login"] == "failed" and "535" in str(steps), steps
    wait_alerts(bed, "relay-login-refused")

    # Nobody vouches for it: its certificate is shown all the same, and no login is sent.
    seen = len(relay.logins)
    bed.api.set("Delivery", "RelayVerify", "s", "verify")
    steps, states = tried(bed)
    assert states["tls"] == "failed" and states["login"] == "skipped", steps
    [tls] = [step for step in steps if step["Step"] == "tls"]
    assert tls["Fingerprint"] == relay.fingerprint and "self" in tls["Detail"], tls
    other = "0f" * 32
    apply(bed, RelayVerify=("s", "fingerprint"), RelayFingerprint=("s", other))
    steps, states = tried(bed)
    assert states["tls"] == "failed" and relay.fingerprint in str(steps), steps
    assert len(relay.logins) == seen

    # No TLS: a must with a login, worth a warning without.
    relay.offers = [b"AUTH PLAIN"]
    steps, states = tried(bed)
    assert states["tls"] == "failed" and len(relay.logins) == seen, steps
    relay.passwords = {}
    apply(bed, RelayAuth=("b", False), RelayTls=("s", "opportunistic"), RelayVerify=("s", "none"))
    steps, states = tried(bed)
    assert states["tls"] == "warning" and states["login"] == "skipped" and states["recipient"] == "ok", steps
    relay.answers[b"RCPT"] = b"550 5.1.1 who is that"
    steps, states = tried(bed)
    assert states["recipient"] == "warning" and "who is that" in str(steps), steps
    relay.answers[b"CONNECT"] = b"554 5.7.1 go away"
    steps, states = tried(bed)
    assert states["greeting"] == "failed" and "go away" in str(steps), steps

    closed = bed.ports.take()
    bed.api.set("Delivery", "RelayPort", "u", closed)
    steps, states = tried(bed)
    assert states["connect"] == "failed" and states["greeting"] == "skipped", steps
    bed.api.set("Delivery", "RelayServer", "s", "nowhere.invalid")
    steps, states = tried(bed)
    assert states["resolve"] == "failed" and states["connect"] == "skipped", steps
    bed.api.set("Delivery", "RelayServer", "s", "")
    steps, states = tried(bed)
    assert states["resolve"] == "failed" and [step["Step"] for step in steps] == STEPS, steps
    for wrong in ("", "general\n", "5bd3be4e-2b5c-4e9f-9a3e-2a9d1f0c7b11"):
        assert refusal(bed.api.call, "Manager", "TestRelay", "(s)", wrong).name == "NotFound"


def test_next_server_is_tried(bed):
    bed.start()
    secret = canary()
    relay = login_relay(bed, passwords={"nas": secret})
    closed = bed.ports.take()
    lead_to(bed, relay)
    apply(bed, RelayPort=("u", closed), RelayFallback=("as", [f"127.0.0.1:{relay.port}"]))
    set_secret(bed.api, secret)
    steps, _ = tried(bed)
    assert [(step["Step"], step["State"]) for step in steps][:3] == [("resolve", "ok"), ("connect", "failed"), ("connect", "ok")], steps
    assert steps[-1]["State"] == "ok"


def test_a_relay_that_is_silent(bed):
    """No answer at all: the test ends by itself, the daemon is not held up, and stops while one goes on."""
    bed.start()
    relay = login_relay(bed)
    relay.answers[b"CONNECT"] = None
    lead_to(bed, relay)
    ends = []

    def on_end(connection, result):
        try:
            ends.append(connection.call_finish(result))
        except GLib.Error as error:
            ends.append(error)
    for _ in range(8):
        bed.api.connection.call(NAME, PATH, NAME + ".Manager", "TestRelay", GLib.Variant("(s)", ("general",)), None, 0, 200000,
                                None, on_end)
    turn(lambda: refused_as_busy(bed), "eight to be under way")
    bed.postbusd.stop()
    turn(lambda: len(ends) == 8, "all of them to end")


def refused_as_busy(bed):
    try:
        bed.api.call("Manager", "TestRelay", "(s)", "general")
    except BusError as error:
        return error.name == "Busy"
    return False


# ---- what stays behind ----

def test_logins_leave_nothing_in_memory(bed):
    """Kept here or said by a client, taken or refused: once the login is over its password is nowhere in the daemon's memory;
    what a client said goes when the relay leads elsewhere."""
    stranger.need_root()  # only root may look
    bed.start()
    control = canary()
    bed.api.set("General", "Banner", "s", control.decode())
    kept, refused, said = canary(), canary(), canary()
    relay = login_relay(bed, passwords={"nas": kept})
    lead_to(bed, relay)
    set_secret(bed.api, kept)
    send(bed)
    relay.wait(relay.messages)
    relay.offers = [b"STARTTLS", b"AUTH LOGIN"]
    set_secret(bed.api, refused)
    assert tried(bed)[1]["login"] == "failed"
    relay.passwords = {"nas": said}
    lead_to(bed, relay, "agent")
    agent = Agent(bed, said).register()
    send(bed)
    turn(lambda: len(relay.messages) == 2, "the second message")
    assert len(agent.asked) == 1
    bed.queue_empty()
    pid = bed.postbusd.process.pid
    ends = {each[-12:] for each in (kept, refused)}
    assert look_in_memory(pid, {control[-12:]}), "the search does not find what is there"
    wait_for(lambda: not look_in_memory(pid, ends), "the passwords to be gone from memory")
    bed.api.set("Delivery", "RelayServer", "s", "elsewhere.example")
    wait_for(lambda: not look_in_memory(pid, {said[-12:]}), "what the client said to be gone from memory")
    words = bed.postbusd.stderr()
    assert not [each for each in (kept, refused, said) if each[-12:] in words]
    assert not secret_traces(bed, [kept, refused, said])


# ---- Postfix ----

def test_postfix_is_tested(bed):
    """What the test says of a real relay host is what mail then meets."""
    postfix, sink, _ = test_relay_postfix.prepare(bed)
    test_relay_postfix.log_in(bed, postfix, test_relay_postfix.PASSWORD)
    steps, states = tried(bed)
    assert states == dict.fromkeys(STEPS, "ok"), steps
    [tls] = [step for step in steps if step["Step"] == "tls"]
    assert tls["Verified"] and tls["Trouble"] == "" and tls["Names"] == ["relay.example"], tls
    test_relay_postfix.send(bed)
    sink.wait_messages(1)
    test_relay_postfix.log_in(bed, postfix, b"wrong")
    steps, states = tried(bed)
    assert states["login"] == "failed" and "535" in str(steps), steps
    wait_alerts(bed, "relay-login-refused")
    bed.dns.add("alias.example", "A", "127.0.0.1")
    test_relay_postfix.demand(bed, postfix, RelayServer="alias.example")
    steps, states = tried(bed)
    assert states["tls"] == "failed" and "mismatch" in str(steps) and states["login"] == "skipped", steps
    # Refused it was elsewhere; here it is another relay's.
    wait_alerts(bed, "relay-password-missing")


def test_postfix_by_an_agent(bed):
    postfix, sink, _ = test_relay_postfix.prepare(bed)
    test_relay_postfix.demand(bed, postfix, RelayUser="bob", RelayAuth=True, RelaySecretStorage="agent")
    test_relay_postfix.send(bed)
    wait_alerts(bed, "relay-password-missing")
    bed.wait_deferred()
    agent = Agent(bed, test_relay_postfix.PASSWORD).register()
    turn(lambda: sink.messages, "the mail at the sink behind Postfix")
    assert len(agent.asked) == 1
    turn(lambda: not alerts(bed), "no alert")
