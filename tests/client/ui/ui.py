#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one test of the client's window: postbusd on a private bus, a screen, a session bus with
accessibility on it, and postbus-admin, driven as a screen reader and a keyboard would.

    ui.py test_ui_settings:test_apply

A test is a function test_*(ui) of a file test_*.py beside this one. It fails by an exception, and also
when the client said a critical or did not end well. SystemExit(77) skips. $POSTBUSD and $POSTBUS_ADMIN
name the programs; POSTBUS_KEEP=1 keeps the folder and names it.
"""
import gettext
import importlib
import os
import pathlib
import re
import subprocess
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "integration"))

# pylint: disable=wrong-import-position
import bus  # noqa: E402
import harness  # noqa: E402
import screen  # noqa: E402
import tree  # noqa: E402
from gi.repository import GLib  # noqa: E402

ROOT = HERE.parents[2]
# For a window that opens file choosers: libcloudproviders keeps what it was answered, and without whole stacks, which take
# minutes, that has no name to suppress it by.
WITH_FILE_CHOOSER = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
ADMIN = os.environ.get("POSTBUS_ADMIN", str(ROOT / "build/test/client-gtk/postbus-admin"))
REGISTRY_SERVICE = pathlib.Path("/usr/share/dbus-1/accessibility-services/org.a11y.atspi.Registry.service")
APP_ID = "org.postbus.Admin"
TROUBLE = re.compile(rb"ERROR: \w+Sanitizer|runtime error:|-CRITICAL \*\*|-WARNING \*\*[^\n]*\n", re.MULTILINE)
# Said by libraries where there is no desktop around them.
HARMLESS = (b"dconf", b"GVFS", b"portal")

# Round a window that nobody composes, GTK draws a frame of that many pixels.
FRAME = 5

SETTINGS_INI = """[Settings]
gtk-font-name=Cantarell 11
gtk-icon-theme-name=Adwaita
gtk-enable-animations=false
gtk-cursor-blink=false
gtk-decoration-layout=:close
"""


def title_of(row):
    """The title of a page from its row in the sidebar, whose name may go on with a count."""
    return re.split("[,，、،]", row.name)[0]


def read(path):
    return pathlib.Path(path).read_bytes() if os.path.exists(path) else b""


class Session:
    """What a desktop session is to the client: a screen, a session bus, accessibility, a home."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "session")
        config = os.path.join(self.folder, "config", "gtk-4.0")
        os.makedirs(config)
        os.makedirs(os.path.join(self.folder, "run"), mode=0o700)
        with open(os.path.join(config, "settings.ini"), "w", encoding="utf-8") as file:
            file.write(SETTINGS_INI)
        self.screen = screen.Screen(1400, 2420)
        self.bus = bus.PrivateBus(self.folder)
        self.registry = subprocess.Popen([self.registry_program()], env=self.environment(),
                                         stdout=subprocess.DEVNULL)
        self.reader = tree.Reader(self.bus.address)
        self.reader.wait(self.reader.listen, "the accessibility registry")

    @staticmethod
    def registry_program():
        """Where the distribution has it: its service file says."""
        if not REGISTRY_SERVICE.exists():
            harness.skip("no at-spi2-core here")
        for line in REGISTRY_SERVICE.read_text(encoding="utf-8").splitlines():
            if line.startswith("Exec="):
                return line[5:].split()[0]
        raise AssertionError(f"{REGISTRY_SERVICE} has no Exec=")

    def environment(self, **more):
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith(("XDG_", "GTK_", "GDK_", "LC_", "DBUS_"))}
        return {**kept, "HOME": self.folder, "DISPLAY": self.screen.name, "LC_ALL": "C.UTF-8",
                "XDG_CONFIG_HOME": os.path.join(self.folder, "config"),
                "XDG_CACHE_HOME": os.path.join(self.folder, "cache"),
                "XDG_DATA_HOME": os.path.join(self.folder, "data"),
                "XDG_RUNTIME_DIR": os.path.join(self.folder, "run"),
                "DBUS_SESSION_BUS_ADDRESS": self.bus.address, "AT_SPI_BUS_ADDRESS": self.bus.address,
                # Nothing is drawn by OpenGL, whose drivers leak as they like.
                "GDK_BACKEND": "x11", "GSK_RENDERER": "cairo", "GDK_DEBUG": "gl-disable", "GSETTINGS_BACKEND": "memory",
                "GIO_USE_VFS": "local", "G_DEBUG": "fatal-criticals",
                # However slow the machine, a toast is still there when it is looked for.
                "POSTBUS_ADMIN_TOAST_SECONDS": "0", **more}

    def stop(self):
        self.reader.close()
        self.registry.terminate()
        self.registry.wait(60)
        self.bus.stop()
        self.screen.stop()


class Ui:
    """What a test gets: the daemon's bed, and the client's window."""

    def __init__(self):
        self.bed = harness.Bed()
        self.session = Session(self.bed.folder)
        self.screen, self.reader = self.session.screen, self.session.reader
        self.process = self.name = self.window = None
        self.back = self.pages = None  # the button that shows when the window is narrow; the sidebar's list
        self.translate = str  # what the window says for English words
        self.stderr_path = os.path.join(self.bed.folder, "client-stderr")

    @property
    def api(self):
        return self.bed.api

    # ---- the process ----

    def run_admin(self, *arguments, **environment):
        """Starts the program and nothing more."""
        with open(self.stderr_path, "ab") as stderr:
            return subprocess.Popen([ADMIN, *arguments], env=self.session.environment(**environment),
                                    stdin=subprocess.DEVNULL, stderr=stderr)

    def start(self, page="general", daemon=True, **environment):
        """The client on that page, connected to a postbusd as harness.Bed.start makes it."""
        if daemon:
            self.bed.start()
        self.open(f"--bus={self.bed.bus.address}", f"--page={page}", **environment)
        self.wait(lambda: self.page() is not None, f"the page {page}")
        return self

    def open(self, *arguments, **environment):
        """The client with its window, whatever it shows."""
        before = set(self.reader.applications())
        self.back = self.pages = None
        self.process = self.run_admin(*arguments, **environment)

        def come():
            self.check_alive()
            new = set(self.reader.applications()) - before
            return new.pop() if new else None
        self.name = self.reader.wait(come, "the client's window")
        self.window, _ = self.reader.wait(self.screen.windows, "a window on the screen")[-1]
        self.screen.focus(self.window)
        return self

    def check_alive(self):
        status = self.process.poll()
        if status is not None:
            raise AssertionError(f"postbus-admin ended with {status}")

    def application_action(self, action):
        """Activates an action of the application as a desktop would."""
        self.reader.call(APP_ID, "/org/postbus/Admin", "org.gtk.Actions", "Activate",
                         GLib.Variant("(sava{sv})", (action, [], {})))

    def stderr(self):
        return read(self.stderr_path)

    def quit(self):
        """Ends the client as a user does; it must end well."""
        if self.process is None:
            return
        self.check_alive()
        self.application_action("quit")
        self.ended()

    def ended(self):
        """Waits for the client to end by itself, which must be well."""
        try:
            status = self.process.wait(120)
        except subprocess.TimeoutExpired:
            raise AssertionError("postbus-admin did not quit: does it ask about changes?") from None
        self.process = None
        assert status == 0, f"postbus-admin ended with {status}"

    def close(self, well=True):
        """Takes all down; when all went well so far, raises if the client or the daemon did not end well."""
        try:
            if well:
                self.quit()
                self.check_words()
        finally:
            if self.process is not None:
                self.process.kill()
                self.process.wait()
            self.session.stop()
            self.bed.close()

    def check_words(self):
        for found in TROUBLE.finditer(self.stderr()):
            if not any(word in found.group() for word in HARMLESS):
                raise AssertionError(f"the client's stderr has {found.group().decode(errors='replace')}")

    def tell(self):
        """For the log of a test that failed: what the window showed, as text and as a picture."""
        if self.process is None or self.process.poll() is not None:
            return
        top = self.reader.read(self.name) if self.name else None
        if top is not None:
            sys.stderr.write(f"--- the window:\n{top.dump()}\n")
        if os.environ.get("POSTBUS_KEEP"):
            self.picture(os.path.join(self.bed.folder, "failed.png"))

    def speak(self, language, territory):
        """Makes the client that is opened next speak that language, by a locale made for it; returns
        what start() wants for it. The catalogues are those of the build folder."""
        folder = os.path.join(self.bed.folder, "locale")
        locale, names = f"{language}_{territory}.UTF-8", [f"{language}_{territory}", language]
        os.makedirs(folder, exist_ok=True)
        catalogues = os.environ["POSTBUS_ADMIN_LOCALEDIR"]
        # It complains of what a locale for one program does without.
        subprocess.run(["localedef", "-i", f"{language}_{territory}", "-f", "UTF-8", os.path.join(folder, locale)],
                       check=False, capture_output=True, timeout=120)
        assert os.path.isdir(os.path.join(folder, locale)), f"no locale {locale} could be made"
        self.translate = gettext.translation("postbus-admin", catalogues, names).gettext
        return {"LOCPATH": folder, "LC_ALL": locale, "LANGUAGE": ":".join(names), "POSTBUS_ADMIN_LOCALEDIR": catalogues}

    def resize(self, width, height):
        """Gives the window that size within its frame, and waits until it is laid out so; raises when it
        will not be as small."""
        window = self.wait(lambda: self.reader.toplevels(self.name), "the client's window")[0]
        self.screen.place(self.window, 0, 0, width + 2 * FRAME, height + 2 * FRAME)

        def laid_out():
            if self.box(window)[2:] == (width, height):
                return True
            # GTK lays out anew with its next frame, which without a window manager comes with the next event.
            self.screen.stroke(20, 20)
            return False
        self.wait(laid_out, f"a window of {width} x {height}")

    def folded(self):
        """Whether sidebar and page take turns in the window."""
        if self.back is None:
            # One that has never been seen is not in the tree.
            self.back = next(iter(self.tree().find("button", self.translate("Back"))), None)
        return self.back is not None and self.box(self.back)[2] > 0

    def still(self, width, height):
        """The pixels of the window once they rest."""
        last, same, after = None, 0, 0

        def rests():
            # Several looks, each some time after the one before: a window that was given a size is drawn anew
            # a moment later, and once more when a page has seen that it is narrow.
            nonlocal last, same, after
            if time.monotonic() < after:
                return None
            before, last = last, self.screen.pixels(FRAME, FRAME, width, height)
            same, after = same + 1 if before == last else 0, time.monotonic() + 0.2
            return last if same >= 3 else None
        return self.wait(rests, "the window to rest")

    def picture(self, path):
        """The whole screen, as it is."""
        screen.write_png(path, self.screen.width, self.screen.height,
                         self.screen.pixels(0, 0, self.screen.width, self.screen.height))

    # ---- the tree ----

    def wait(self, predicate, what, seconds=120):
        def checked():
            self.check_alive()
            try:
                return predicate()
            except GLib.Error as error:
                # A widget went while it was looked at: look anew.
                if not tree.is_gone(error):
                    raise
                return None
        return self.reader.wait(checked, what, seconds)

    def tree(self):
        """All that the client shows now."""
        return self.wait(lambda: self.reader.read(self.name), "the client's tree")

    def page(self):
        """The page that the content shows, None while there is none."""
        top = self.reader.read(self.name)
        header = self.title() if top is not None else None
        pages = [node for node in top.find("group", header)
                 if header] if top is not None else []
        return pages[0] if pages else None

    def find(self, role, name=None, text=None, below=None, where=None):
        """Waits for a widget; below: a function that gives the node to look below."""
        def look():
            top = below() if below is not None else self.reader.read(self.name)
            found = top.find(role, name, text) if top is not None else []
            found = next((node for node in found if where is None or where(node)), None)
            if found is not None:
                found.look = look
            return found
        return self.wait(look, f"{role} {name or text or ''}")

    def gone(self, role, name=None, text=None):
        self.wait(lambda: not self.tree().find(role, name, text), f"{role} {name or text or ''} to go")

    def title(self):
        """The title of the page that is chosen in the sidebar."""
        chosen = [title_of(row) for row in self.sidebar() if row.has("selected")]
        return chosen[0] if chosen else None

    # ---- acting ----

    def act(self, node):
        """What the widget does when it is activated: a button is clicked, a switch is switched. One that was made anew
        meanwhile is looked for again."""
        while True:
            try:
                self.reader.act(self.name, node)
                return
            except GLib.Error as error:
                if node.look is None or not tree.is_gone(error):
                    raise
            node = self.wait(node.look, f"{node} again")

    def windows(self):
        """The client's windows on the screen with their attributes, the one in front last: once they are as many as it tells its
        readers of, since the screen and the readers are told one after the other."""
        def as_told():
            seen = [(window, at) for window, at in self.screen.windows() if not at.override_redirect]
            told = [node for node in self.reader.toplevels(self.name) if node.has("visible")]
            return seen if len(seen) == len(told) else None
        return self.wait(as_told, "the windows on the screen to be those that there are")

    def key(self, *combinations):
        """Keys for the window in front: nobody manages windows here, so it is given the focus first."""
        self.screen.focus(self.windows()[-1][0])
        for combination in combinations:
            self.screen.key(combination)

    def press(self, name, role="button", below=None):
        """Waits for the button to be there and sensitive, and clicks it."""
        self.act(self.find(role, name, below=below, where=lambda node: node.has("sensitive")))

    def box(self, node):
        """Where the widget is in its window, without the frame."""
        return self.reader.extents(self.name, node)

    def origin(self, node):
        """Where on the screen its window begins: the first window, or the dialog in front of all."""
        windows = self.windows()
        place = windows[-1][1]
        if node.window().index == 0:
            place = next((at for window, at in windows if window == self.window), place)
        return place.x + FRAME, place.y + FRAME

    def reveal(self, node):
        """Scrolls until the whole of it can be seen (or its top, if it is higher than what is around
        it); returns its box, once that rests."""
        turned = last = None
        same, after = 0, 0.0

        def rests(box):
            # What has come is given its place with the next frame, and moves what is below it: several looks, each behind
            # the client's main loop's next round.
            nonlocal last, same, after
            if time.monotonic() >= after:
                same, last, after = same + 1 if box == last else 0, box, time.monotonic() + 0.05
            return same >= 2

        def seen():
            nonlocal turned
            box = x, y, width, height = self.box(node)
            if width < 1 or height < 1 or not rests(box):
                return None
            pane = next((each for each in node.ancestors() if each.role == "scroll pane"), None)
            if pane is None:
                return box
            left, top, _, high = self.box(pane)
            if y >= top and (y + height <= top + high or (height > high and y < top + high)):
                return box
            if turned != y:
                # At the edge, where the wheel turns no spin button.
                left_edge, top_edge = self.origin(node)
                self.screen.click(left_edge + left + 3, top_edge + top + high // 2, 4 if y < top else 5)
                turned = y
            return None
        return self.wait(seen, f"{node} to be in sight")

    def settle(self, node):
        """The widget that is now what was found as this one, and its box: a list's rows may be made anew, or show another
        of its entries, until they are where they stay."""
        while True:
            if node.look is not None and self.box(node)[2] < 1:
                node = self.wait(node.look, f"{node} again")
            box = self.reveal(node)
            if node.look is None or node.role != "list item":
                return node, box
            now = self.wait(node.look, f"{node} still")
            if now.path == node.path and self.box(now) == box:
                return now, box
            node = now

    def click(self, node):
        """With the mouse, into its middle."""
        node, (x, y, width, height) = self.settle(node)
        left, top = self.origin(node)
        self.screen.click(left + x + width // 2, top + y + height // 2)

    def sidebar(self):
        """The rows of the sidebar that show."""
        rows = self.reader.children(self.name, self.pages.path) if self.pages is not None else None
        if rows is None:
            self.pages = next(iter(self.tree().find("list", self.translate("Pages"))), None)
            rows = self.pages.children if self.pages is not None else []
        return [row for row in rows if row.role == "list item"]

    def unfold(self):
        """Opens all entries of the sidebar; returns all pages as (title, entry or None), in order."""
        at, entry, pages = 0, None, []
        while at < len(rows := self.sidebar()):
            row, at = rows[at], at + 1
            if not row.has("expandable"):
                # A sub-page is indented; what stands at the edge is a page of its own.
                pages.append((title_of(row), entry if self.is_sub_page(row) else None))
                continue
            entry = row.name
            if not row.has("expanded"):
                self.click(row)
                self.wait(lambda: len(self.sidebar()) > len(rows), f"{row} to unfold")
        return pages

    def is_sub_page(self, row):
        return self.box(row)[0] > self.box(self.sidebar()[0])[0]

    def go(self, title, entry=None):
        """To a page by the sidebar."""
        def row_of(name, after=0):
            for index, row in enumerate(self.sidebar()):
                if index >= after and title_of(row) == name:
                    return index, row
            return None
        after = 0
        if entry is not None:
            after, row = self.wait(lambda: row_of(entry), f"{entry} in the sidebar")
            after += 1
            if not row.has("expanded"):
                self.click(row)
        _, row = self.wait(lambda: row_of(title, after), f"{title} in the sidebar")
        self.click(row)
        return self.wait(lambda: self.title() == title and self.page(), f"the page {title}")


def run(name):
    """Runs one case; returns the exit status."""
    module_name, function_name = name.split(":")
    function = getattr(importlib.import_module(module_name), function_name)
    ui = Ui()
    status, well = 1, False
    try:
        try:
            function(ui)
            well = True
        except BaseException:
            ui.tell()
            raise
        finally:
            ui.close(well)
        status = 0
    except SystemExit as leave:
        status = leave.code
    except BaseException:  # whatever it was, what the programs said belongs beside it
        traceback.print_exc()
        for who, said in (("client", ui.stderr()), ("daemon", read(ui.bed.postbusd.stderr_path))):
            sys.stderr.write(f"--- the {who}'s stderr, its end:\n{said[-6000:].decode(errors='replace')}")
    ui.bed.remove()
    return status


if __name__ == "__main__":
    # The cases import this module by its name; both must be one.
    sys.modules["ui"] = sys.modules["__main__"]
    sys.exit(run(sys.argv[1]))
