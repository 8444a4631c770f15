#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs an evaluator of mail authentication over a public suite of cases, as a TAP test.

    suite.py SUITE PROGRAM

The suites stand outside the repository, at $POSTBUS_TESTDATA or ../shared/testdata beside it; where they
are not, the test is skipped. A suite names how many of its cases must come out as written, and which do not.
"""
import base64
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(os.environ["POSTBUS_SOURCE_ROOT"])
TESTDATA = pathlib.Path(os.environ.get("POSTBUS_TESTDATA", ROOT / "../shared/testdata")).resolve()


def run(program, evaluator, zones, cases):
    text = json.dumps({"zones": zones, "cases": cases})
    return json.loads(subprocess.run([program, evaluator], input=text, stdout=subprocess.PIPE,
                                     check=True, text=True).stdout)


def spf_zone(data):
    """A scenario's zone data as zone.h has it. An SPF record stands for a TXT record, too, where the
    name has none of its own."""
    zone = {}
    for name, records in data.items():
        types = {}
        for record in records:
            if isinstance(record, str):
                types["TROUBLE"] = []
                continue
            (kind, value), = record.items()
            if kind == "MX":
                value = f"{value[0]} {value[1]}"
            elif isinstance(value, list):
                value = "".join(value)
            # As the daemon's resolver hands a NUL on.
            value = value.replace("\0", "\x7f")
            types.setdefault(kind, []).append(value)
        if "TXT" not in types and "SPF" in types:
            types["TXT"] = types["SPF"]
        types.pop("SPF", None)
        if types.get("TXT") == ["NONE"]:
            del types["TXT"]
        zone[name] = types
    return zone


def spf(program):
    """The openspf.org suite for RFC 7208: every result, and every explanation it names."""
    import yaml
    file = TESTDATA / "spf-rfc7208/rfc7208-tests.yml"
    zones, cases, wanted = [], [], []
    for scenario in yaml.safe_load_all(file.read_text(encoding="utf-8")):
        zones.append(spf_zone(scenario["zonedata"]))
        for name, case in scenario["tests"].items():
            cases.append({"zone": len(zones) - 1, "ip": case["host"], "helo": case["helo"],
                          "sender": case["mailfrom"], "receiver": "receiver.example"})
            result = case["result"]
            wanted.append((name, result if isinstance(result, list) else [result],
                           case.get("explanation")))
    for (name, results, explanation), got in zip(wanted, run(program, "spf", zones, cases)):
        ok = got["result"] in results
        if explanation is not None and got["result"] == "fail":
            ok = ok and got["explanation"] == (None if explanation == "DEFAULT" else explanation)
        yield name, ok, f"wanted {results} {explanation}, got {got}"


def read_or_follow(path):
    """A file's text; one that holds but another file's name stands for that one."""
    text = path.read_text(encoding="utf-8")
    other = path.parent / text.strip()
    return other.read_text(encoding="utf-8") if "\n" not in text and other.is_file() else text


def dkim_zone(path):
    zone = {}
    text = read_or_follow(path) if path.exists() else ""
    for line in text.replace("\\\n", "").splitlines():
        name, _, value = line.partition(":")
        types = zone.setdefault(name, {}) if value else {}
        if value.strip() == "TEMPERROR":
            types["TROUBLE"] = []
        elif value.strip() != "PERMERROR":
            types.setdefault("TXT", []).append(value.strip())
    return zone


def encode(message):
    lines = message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return base64.b64encode(lines).decode()


def dkim(program):
    """chasquid's messages, each fed octet by octet and in pieces."""
    states = {"SUCCESS": "pass", "TEMPFAIL": "temperror", "PERMFAIL": "permerror"}
    zones, cases, wanted = [], [], []
    for path in sorted((TESTDATA / "dkim/chasquid").glob("*.result")):
        zones.append(dkim_zone(path.with_suffix(".dns")))
        results = [states[one["State"]] for one in json.loads(read_or_follow(path))["Results"]]
        message = path.with_suffix(".msg")
        if message.stat().st_size < 100:
            message = message.parent / message.read_text().strip()
        for pieces in (1, 7, 100000):
            cases.append({"zone": len(zones) - 1, "pieces": pieces,
                          "message": encode(message.read_bytes())})
            wanted.append((f"{path.stem} by {pieces}", results))
    for (name, results), got in zip(wanted, run(program, "dkim", zones, cases)):
        yield name, [one["result"] for one in got["verdicts"]] == results, f"wanted {results}, got {got}"


def arc(program):
    """ValiMail's chains. Where a case wants no result, any will do."""
    import yaml
    zones, cases, wanted = [], [], []
    text = (TESTDATA / "arc-valimail/arc-draft-validation-tests.yml").read_text(encoding="utf-8")
    for scenario in yaml.safe_load_all(text):
        zones.append({name: {"TXT": [value]} for name, value in scenario["txt-records"].items()})
        for name, case in scenario["tests"].items():
            cases.append({"zone": len(zones) - 1, "pieces": 11, "message": encode(case["message"].encode())})
            wanted.append((name, case["cv"]))
    for (name, cv), got in zip(wanted, run(program, "arc", zones, cases)):
        yield name, cv in (None, "") or got["result"] == cv.lower(), f"wanted {cv}, got {got}"


def dmarc_zone(data):
    zone = {}
    for name, types in data.items():
        zone[name] = {}
        for kind, records in types.items():
            zone[name][kind] = [f"{one['priority']} {one['exchange']}" if kind == "MX" else "".join(one)
                                for one in records]
    return zone


def dmarc(program):
    """RFC 9989's cases as mailauth has them; what a case expects is named in that library's words."""
    words = {"status.result": "result", "policy": "policy", "domain": "organizational",
             "alignment.dkim.strict": "strict_dkim", "alignment.spf.result": "organizational"}
    data = json.loads((TESTDATA / "dmarc/rfc9989-mailauth/cases.json").read_text(encoding="utf-8"))
    zones, cases, wanted = [], [], []
    for case in data:
        expected = [e for e in case["expect"] if e["path"] in words]
        for number, call in enumerate(case["calls"]):
            given = call["input"]
            zones.append(dmarc_zone(call["zone"]))
            spf_domains = [one["domain"] for one in given["spfDomains"]] + [None]
            cases.append({"zone": len(zones) - 1, "author": given["headerFrom"].split("@")[1],
                          "spf": spf_domains[0], "dkim": [one["domain"] for one in given["dkimDomains"]]})
            # Of two calls each expects one of two results.
            mine = expected if len(case["calls"]) == 1 else expected[number:number + 1]
            wanted.append((case["name"], [(words[e["path"]], (e.get("args") or [True])[0]) for e in mine]))
    for (name, expected), got in zip(wanted, run(program, "dmarc", zones, cases)):
        ok = all(got[word] == value for word, value in expected)
        if "caps a >8-label" in name:
            # The author's domain, then seven names up to the top, and again none of them.
            ok = got["asked"] == 8
        yield name, ok, f"wanted {expected}, got {got}"


# The harmless file that every scanner knows; in two parts, so that none takes offence at this one.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def clamd_mails():
    """Name, message, whether it is infected."""
    import io
    import zipfile
    head = (b"From: a@b.test\r\nSubject: s\r\nMIME-Version: 1.0\r\n"
            b"Content-Type: application/octet-stream; name=x\r\nContent-Transfer-Encoding: ")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.com", EICAR)
    yield "clean", head + b"7bit\r\n\r\nnothing\r\n", False
    yield "plain", head + b"7bit\r\n\r\n" + EICAR + b"\r\n", True
    yield "base64", head + b"base64\r\n\r\n" + base64.encodebytes(EICAR).replace(b"\n", b"\r\n"), True
    yield "zip", head + b"base64\r\n\r\n" + base64.encodebytes(packed.getvalue()).replace(b"\n", b"\r\n"), True


def clamd(program):
    """A real clamd with one signature, asked through its stream and by descriptor."""
    server = shutil.which("clamd", path=os.environ["PATH"] + ":/usr/sbin")
    with tempfile.TemporaryDirectory() as folder:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        pathlib.Path(folder, "db").mkdir()
        pathlib.Path(folder, "db/test.ndb").write_text(f"Eicar-Test:0:*:{EICAR.hex()}\n")
        config = pathlib.Path(folder, "clamd.conf")
        config.write_text(f"DatabaseDirectory {folder}/db\nLocalSocket {folder}/clamd.sock\nForeground yes\n"
                          f"TCPSocket {port}\nTCPAddr 127.0.0.1\nLogFile {folder}/log\nFixStaleSocket yes\n")
        config.chmod(0o644)
        with subprocess.Popen([server, "--config-file", str(config)], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT) as process:
            try:
                for _ in range(300):
                    log = pathlib.Path(folder, "log")
                    if log.exists() and "Self checking" in log.read_text(encoding="utf-8"):
                        break
                    time.sleep(0.1)
                for address in (f"unix:{folder}/clamd.sock", f"127.0.0.1:{port}"):
                    mails = list(clamd_mails())
                    cases = [{"zone": 0, "address": address, "message": base64.b64encode(text).decode()}
                             for _, text, _ in mails]
                    for (name, _, infected), got in zip(mails, run(program, "clamd", [{}], cases)):
                        wanted = "infected" if infected else "clean"
                        yield (f"{name} over {address.split(':')[0]}",
                               got["result"] == wanted and got["handed_over"] == address.startswith("unix"),
                               f"wanted {wanted}, got {got}")
            finally:
                process.terminate()


def make_keys():
    """Private keys in PEM and what their TXT records hold, by selector."""
    for selector, arguments, kind in (("rsa", ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "rsa"),
                                      ("ed", ["ED25519"], "ed25519")):
        pem = subprocess.run(["openssl", "genpkey", "-quiet", "-algorithm", *arguments], check=True,
                             stdout=subprocess.PIPE).stdout
        public = subprocess.run(["openssl", "pkey", "-pubout", "-outform", "DER"], input=pem,
                                check=True, stdout=subprocess.PIPE).stdout
        raw = public[-32:] if kind == "ed25519" else public
        yield selector, pem.decode(), f"v=DKIM1; k={kind}; p={base64.b64encode(raw).decode()}"


def dkimpy(program):
    """dkimpy verifies what we sign, and we what dkimpy signs, over real messages."""
    import dkim as peer
    messages = sorted((TESTDATA / "messages").rglob("*.eml"))[:60] + [TESTDATA / "dkim/dkimpy/test.message"]
    bodies = []
    for path in messages:
        text = path.read_bytes().replace(b"\r\n", b"\n").replace(b"\r", b"").replace(b"\n", b"\r\n")
        # dkimpy reads no header that breaks the rules, and signs none without From.
        try:
            fields, _ = peer.rfc822_parse(text)
        except peer.MessageFormatError:
            continue
        if any(name.lower() == b"from" for name, _ in fields):
            bodies.append((path.name, text))
    for selector, pem, record in make_keys():
        def dns(name, timeout=5, record=record):
            return record.encode()
        zone = {f"{selector}._domainkey.example.test": {"TXT": [record]}}
        cases = [{"zone": 0, "message": base64.b64encode(text).decode(), "key": pem,
                  "domain": "example.test", "selector": selector} for _, text in bodies]
        for (name, text), got in zip(bodies, run(program, "sign", [zone], cases)):
            signed = b"DKIM-Signature:" + got["field"].encode() + b"\r\n" + text
            yield f"{name}: {selector} of ours", peer.verify(signed, dnsfunc=dns), got["field"]
        if selector == "rsa":
            signed = [peer.sign(text, selector.encode(), b"example.test", pem.encode(),
                                canonicalize=(form, form)) + text
                      for _, text in bodies for form in (b"simple", b"relaxed")]
            cases = [{"zone": 0, "message": base64.b64encode(text).decode()} for text in signed]
            for number, got in enumerate(run(program, "dkim", [zone], cases)):
                yield (f"{bodies[number // 2][0]}: of dkimpy", got["verdicts"][0]["result"] == "pass",
                       str(got))


SUITES = {
    "clamd": (clamd, ".", 8, ()),
    # A message signature without c= is of the simple form (RFC 8617 4.1.2, RFC 6376 3.5); the case wants relaxed.
    "arc": (arc, "arc-valimail", 170, ("ams_fields_c_na",)),
    "dmarc": (dmarc, "dmarc/rfc9989-mailauth", 30, ()),
    "dkimpy": (dkimpy, "messages", 100, ()),
    "dkim": (dkim, "dkim/chasquid", 30, ()),
    "spf": (spf, "spf-rfc7208", 203, ()),
}


def main():
    suite, program = sys.argv[1:]
    cases, folder, least, known = SUITES[suite]
    if not (TESTDATA / folder).is_dir():
        print(f"1..0 # SKIP {folder} is not at hand ($POSTBUS_TESTDATA)")
        return
    results = list(cases(program))
    for number, (name, ok, why) in enumerate(results, 1):
        shown = ok or name in known
        print(f"{'ok' if shown else 'not ok'} {number} - {name}")
        if not ok:
            print(f"# {why}")
    right = sum(ok for _, ok, _ in results)
    print(f"{'ok' if right >= least else 'not ok'} {len(results) + 1} - {right} of {len(results)}, at least {least}")
    print(f"1..{len(results) + 1}")


main()
