# SPDX-License-Identifier: GPL-3.0-or-later
"""The local network: AuthSkipLocalNetwork, LocalNetworks, EffectiveLocalNetworks, with real interfaces in network
namespaces of the test's own. The server's side has a macvlan, since a veth never counts; the client stands at 192.168.77.2."""
import ctypes
import os
import subprocess

from harness import skip, wait_for
from smtp_talk import Talk

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)


class Net:
    """Two namespaces with a cable between them."""

    def __init__(self):
        self.server, self.client = (f"postbus-{os.getpid()}-{side}" for side in ("server", "client"))

    def up(self):
        for name in (self.server, self.client):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("-n", self.server, "link", "add", "cable0", "type", "veth", "peer", "name", "cable1", "netns", self.client)
        ip("-n", self.server, "link", "set", "cable0", "up")
        ip("-n", self.server, "link", "add", "link", "cable0", "name", "lan0", "type", "macvlan", "mode", "bridge")
        self.on_server("addr", "add", "192.168.77.1/24", "dev", "lan0")
        self.on_server("link", "set", "lan0", "up")
        ip("-n", self.client, "addr", "add", "192.168.77.2/24", "dev", "cable1")
        ip("-n", self.client, "addr", "add", "192.168.77.3/24", "dev", "cable1")
        ip("-n", self.client, "link", "set", "cable1", "up")
        return self

    def on_server(self, *arguments):
        ip("-n", self.server, *arguments)

    def down(self):
        for name in (self.server, self.client):
            subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)

    def talk(self, port, source="192.168.77.2", host="192.168.77.1", name=None):
        """A session from the client's namespace, or another's: a socket stays in the one that it was made in."""
        home = os.open("/proc/self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{name or self.client}", os.O_RDONLY)
        try:
            if LIBC.setns(there, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            return Talk(port, source, host)
        finally:
            LIBC.setns(home, CLONE_NEWNET)
            os.close(there)
            os.close(home)


def start(bed, *more):
    if os.geteuid() != 0:
        skip("network namespaces need root")
    net = Net()
    bed.closing.append(net.down)
    try:
        net.up()
    except (OSError, subprocess.CalledProcessError) as error:
        skip(f"no network namespace with veth and macvlan here: {getattr(error, 'stderr', None) or error}")
    begin = bed.postbusd.start
    arguments = bed.postbusd.arguments
    bed.postbusd.arguments = lambda: [*arguments(), "--listen=smtp:192.168.77.1:2525",
                                      "--listen=submission:192.168.77.1:2587", *more]
    bed.postbusd.start = lambda wrapper=(), wait=True: begin(("ip", "netns", "exec", net.server, *wrapper), wait)
    bed.start()
    # A link is up some time behind the command.
    wait_for(lambda: "192.168.77.0/24" in effective(bed), "the network to be found")
    return net


def relays(net, port=2525, source="192.168.77.2"):
    """Whether a stranger's recipient is taken from there: the reply's code."""
    with net.talk(port, source) as talk:
        talk.ehlo()
        code, _ = talk.command("MAIL FROM:<a@b.example>")
        return code if code != 250 else talk.command("RCPT TO:<far@away.example>")[0]


def effective(bed):
    return bed.api.get("General", "EffectiveLocalNetworks")


def test_flipped(bed):
    net = start(bed)
    assert (relays(net), relays(net, 2587)) == (554, 530)
    bed.api.set("General", "AuthSkipLocalNetwork", "b", True)
    assert (relays(net), relays(net, 2587)) == (250, 250)
    bed.api.set("General", "AuthSkipLocalNetwork", "b", False)
    assert (relays(net), relays(net, 2587)) == (554, 530)


def test_gateway_never(bed):
    """Behind port forwarding the whole Internet comes from it."""
    net = start(bed)
    bed.api.set("General", "AuthSkipLocalNetwork", "b", True)
    assert relays(net) == 250
    net.on_server("route", "add", "default", "via", "192.168.77.2")
    wait_for(lambda: relays(net) == 554, "the new gateway to count as a stranger")
    assert relays(net, source="192.168.77.3") == 250
    bed.api.set("General", "LocalNetworks", "as", ["192.168.0.0/16"])
    assert relays(net) == 554 and relays(net, source="192.168.77.3") == 250
    # Who is named alone is meant.
    bed.api.set("General", "LocalNetworks", "as", ["192.168.77.2"])
    assert relays(net) == 250 and relays(net, source="192.168.77.3") == 554
    bed.api.set("General", "LocalNetworks", "as", [])
    net.on_server("route", "del", "default")
    wait_for(lambda: relays(net) == 250, "the former gateway to be a client again")


def test_followed_live(bed):
    net = start(bed)
    found = effective(bed)
    assert "192.168.77.0/24" in found and not [text for text in found if text.startswith("127.")], found
    net.on_server("addr", "add", "10.9.8.7/20", "dev", "lan0")
    wait_for(lambda: "10.9.0.0/20" in effective(bed), "the new address")
    lan = ("link", "cable0", "type", "macvlan", "mode", "bridge")
    for name, kind, address in (("docker0", ("type", "bridge"), "172.17.0.1/16"),
                                ("br-1", ("type", "bridge"), "172.18.0.1/16"),
                                ("virbr0", lan, "172.19.0.1/16"), ("lan1", lan, "172.20.0.1/16")):
        net.on_server("link", "add", "name", name, *kind)
        net.on_server("addr", "add", address, "dev", name)
        net.on_server("link", "set", name, "up")
    wait_for(lambda: "172.20.0.0/16" in effective(bed), "the last of the new interfaces")
    assert not {"172.17.0.0/16", "172.18.0.0/16", "172.19.0.0/16"} & set(effective(bed)), effective(bed)
    net.on_server("link", "del", "lan1")
    wait_for(lambda: "172.20.0.0/16" not in effective(bed), "the interface to be gone")
    net.on_server("link", "set", "lan0", "down")
    wait_for(lambda: not [text for text in effective(bed) if text.startswith("192.168.77")], "the link to be down")


def test_containers_never(bed):
    """Neither by an address out of the network that counts nor by a link-local one, which says nothing without its interface."""
    net = start(bed, "--listen=smtp:0.0.0.0:2626", "--listen=smtp:[::]:2627")
    bed.api.set("General", "AuthSkipLocalNetwork", "b", True)
    net.on_server("link", "add", "docker0", "type", "veth", "peer", "name", "eth9", "netns", net.client)
    for name, device, addresses in ((net.server, "lan0", ["fe80::77:1/64"]), (net.client, "cable1", ["fe80::77:2/64"]),
                                    (net.server, "docker0", ["192.168.77.129/25", "fe80::99:1/64"]),
                                    (net.client, "eth9", ["192.168.77.130/25", "fe80::99:2/64"])):
        ip("-n", name, "link", "set", device, "up")
        for address in addresses:
            ip("-n", name, "addr", "add", address, "dev", device, *(["nodad"] if ":" in address else []))

    def code(host, port, source=None):
        with net.talk(port, source or host, host) as talk:
            talk.ehlo()
            talk.expect("MAIL FROM:<a@b.example>", 250)
            return talk.command("RCPT TO:<far@away.example>")[0]
    wait_for(lambda: "fe80::/64" in effective(bed), "a link-local network")

    def left_out():
        try:
            return code("192.168.77.129", 2626, "192.168.77.130") == 554
        except OSError:
            return False  # the cable is not in yet
    wait_for(left_out, "the container's network to be left out")
    assert relays(net) == 250
    assert code("fe80::77:1%cable1", 2627) == 250
    assert code("fe80::99:1%eth9", 2627) == 554


def test_replaced(bed):
    net = start(bed)
    bed.api.set("General", "AuthSkipLocalNetwork", "b", True)
    bed.api.set("General", "LocalNetworks", "as", ["10.0.0.0/8", "192.168.77.3"])
    assert effective(bed) == ["10.0.0.0/8", "192.168.77.3/32"]
    assert relays(net) == 554 and relays(net, source="192.168.77.3") == 250
    bed.api.set("General", "LocalNetworks", "as", [])
    assert relays(net) == 250


def test_open_relay_forms(bed):
    """Sparing the local network opens nothing to strangers: loopback is one of them here, and a source route leads nowhere."""
    net = start(bed)
    bed.api.set("General", "AuthSkipLocalNetwork", "b", True)
    with net.talk(bed.port, "127.0.0.9", "127.0.0.1", net.server) as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<a@b.example>", 250)
        for form in ("far@away.example", "far%away.example@local.example", "@local.example:far@away.example",
                     "away.example!far@local.example", "\"far@away.example\"@local.example"):
            assert talk.command(f"RCPT TO:<{form}>")[0] == 554, form
