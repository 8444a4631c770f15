# SPDX-License-Identifier: GPL-3.0-or-later
"""A screen without a monitor: an Xvfb of our own, its windows, keys, the mouse, and pictures of it.

There is no window manager: a window stands where it is put, and input goes to the one that has been
given the focus. Sizes and places are in pixels.
"""
import ctypes
import os
import select
import struct
import subprocess
import zlib

VIEWABLE = 2
ALL_PLANES = ctypes.c_ulong(-1).value
Z_PIXMAP = 2
KEYSYMS = {"Return": 0xff0d, "Tab": 0xff09, "Escape": 0xff1b, "Up": 0xff52, "Down": 0xff54, "Left": 0xff51,
           "Right": 0xff53, "Delete": 0xffff, "BackSpace": 0xff08, "Home": 0xff50, "End": 0xff57,
           "Page_Down": 0xff56, "F10": 0xffc7, "space": 0x20,
           "Control": 0xffe3, "Shift": 0xffe1, "Alt": 0xffe9}


class Attributes(ctypes.Structure):
    """XWindowAttributes."""
    _fields_ = [("x", ctypes.c_int), ("y", ctypes.c_int), ("width", ctypes.c_int), ("height", ctypes.c_int),
                ("border_width", ctypes.c_int), ("depth", ctypes.c_int), ("visual", ctypes.c_void_p),
                ("root", ctypes.c_ulong), ("kind", ctypes.c_int), ("bit_gravity", ctypes.c_int),
                ("win_gravity", ctypes.c_int), ("backing_store", ctypes.c_int),
                ("backing_planes", ctypes.c_ulong), ("backing_pixel", ctypes.c_ulong),
                ("save_under", ctypes.c_int), ("colormap", ctypes.c_ulong),
                ("map_installed", ctypes.c_int), ("map_state", ctypes.c_int),
                ("all_event_masks", ctypes.c_long), ("your_event_mask", ctypes.c_long),
                ("do_not_propagate_mask", ctypes.c_long), ("override_redirect", ctypes.c_int),
                ("screen", ctypes.c_void_p)]


class ImageHead(ctypes.Structure):
    """What XImage begins with."""
    _fields_ = [("width", ctypes.c_int), ("height", ctypes.c_int), ("xoffset", ctypes.c_int),
                ("format", ctypes.c_int), ("data", ctypes.c_void_p), ("byte_order", ctypes.c_int),
                ("bitmap_unit", ctypes.c_int), ("bitmap_bit_order", ctypes.c_int),
                ("bitmap_pad", ctypes.c_int), ("depth", ctypes.c_int), ("bytes_per_line", ctypes.c_int),
                ("bits_per_pixel", ctypes.c_int)]


def write_png(path, width, height, pixels):
    """pixels: four octets each, blue, green, red, unused."""
    red_green_blue = bytearray(width * height * 3)
    for channel in range(3):
        red_green_blue[channel::3] = pixels[2 - channel::4]
    stride = width * 3
    rows = b"".join(b"\0" + red_green_blue[at:at + stride] for at in range(0, len(red_green_blue), stride))

    def chunk(kind, content):
        return (struct.pack(">I", len(content)) + kind + content
                + struct.pack(">I", zlib.crc32(kind + content)))
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
                   + chunk(b"IDAT", zlib.compress(rows, 6)) + chunk(b"IEND", b""))


def on_x_error(_display, _event):
    """A window that was asked about may just have gone; Xlib's own handler would end us for that."""
    return 0


ON_X_ERROR = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(on_x_error)


class Screen:
    def __init__(self, width=1400, height=1000):
        self.width, self.height = width, height
        reading, writing = os.pipe()
        self.process = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp",
             "-noreset"], pass_fds=[writing], stderr=subprocess.DEVNULL)
        os.close(writing)
        said = b""
        # It looks for a free display itself and says which.
        while not said.endswith(b"\n"):
            if not select.select([reading], [], [], 120)[0]:
                raise AssertionError("Xvfb did not come up in 120 s")
            more = os.read(reading, 20)
            if not more:
                raise AssertionError(f"Xvfb ended with {self.process.wait()}")
            said += more
        os.close(reading)
        self.name = ":" + said.decode().strip()
        self.load()
        self.root = self.x.XDefaultRootWindow(self.display)

    def load(self):
        self.x = ctypes.CDLL("libX11.so.6")
        self.test = ctypes.CDLL("libXtst.so.6")
        pointer, window, whole = ctypes.c_void_p, ctypes.c_ulong, ctypes.c_int
        for library, name, result, arguments in (
                (self.x, "XOpenDisplay", pointer, [ctypes.c_char_p]),
                (self.x, "XCloseDisplay", whole, [pointer]),
                (self.x, "XDefaultRootWindow", window, [pointer]),
                (self.x, "XSync", whole, [pointer, whole]),
                (self.x, "XFree", whole, [pointer]),
                (self.x, "XQueryTree", whole, [pointer, window, pointer, pointer, pointer, pointer]),
                (self.x, "XGetWindowAttributes", whole, [pointer, window, pointer]),
                (self.x, "XMoveResizeWindow", whole, [pointer, window, whole, whole, whole, whole]),
                (self.x, "XRaiseWindow", whole, [pointer, window]),
                (self.x, "XSetInputFocus", whole, [pointer, window, whole, window]),
                (self.x, "XKeysymToKeycode", ctypes.c_ubyte, [pointer, window]),
                (self.x, "XGetImage", ctypes.POINTER(ImageHead),
                 [pointer, window, whole, whole, whole, whole, window, whole]),
                (self.x, "XDestroyImage", whole, [ctypes.POINTER(ImageHead)]),
                (self.test, "XTestFakeKeyEvent", whole, [pointer, whole, whole, window]),
                (self.test, "XTestFakeButtonEvent", whole, [pointer, whole, whole, window]),
                (self.test, "XTestFakeMotionEvent", whole, [pointer, whole, whole, whole, window])):
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
        self.x.XSetErrorHandler(ON_X_ERROR)
        self.display = self.x.XOpenDisplay(self.name.encode())
        assert self.display, f"no connection to the display {self.name}"

    def stop(self):
        if self.process is None:
            return
        self.x.XCloseDisplay(self.display)
        process, self.process = self.process, None
        process.terminate()
        process.wait(60)

    # ---- windows ----

    def windows(self):
        """The windows that can be seen, lowest first: (id, attributes)."""
        root, parent, n = ctypes.c_ulong(), ctypes.c_ulong(), ctypes.c_uint()
        children = ctypes.POINTER(ctypes.c_ulong)()
        self.x.XQueryTree(self.display, self.root, ctypes.byref(root), ctypes.byref(parent),
                          ctypes.byref(children), ctypes.byref(n))
        found = []
        for window in children[:n.value]:
            attributes = Attributes()
            if self.x.XGetWindowAttributes(self.display, window, ctypes.byref(attributes)) \
                    and attributes.map_state == VIEWABLE and attributes.width > 50:
                found.append((window, attributes))
        if children:
            self.x.XFree(children)
        return found

    def place(self, window, x, y, width, height):
        self.x.XMoveResizeWindow(self.display, window, x, y, width, height)
        self.sync()

    def focus(self, window):
        revert_to_parent, now = 2, 0
        self.x.XRaiseWindow(self.display, window)
        self.x.XSetInputFocus(self.display, window, revert_to_parent, now)
        self.sync()

    def sync(self):
        self.x.XSync(self.display, 0)

    # ---- input ----

    def key(self, combination):
        """Presses and releases "a", "Return", "Control+Shift+z"."""
        *modifiers, last = combination.split("+")
        symbol = KEYSYMS.get(last) or ord(last)
        if len(last) == 1 and (last.isupper() or last in '~!@#$%^&*()_+{}|:"<>?') and "Shift" not in modifiers:
            modifiers.append("Shift")
        codes = [self.x.XKeysymToKeycode(self.display, KEYSYMS[name]) for name in modifiers]
        codes.append(self.x.XKeysymToKeycode(self.display, symbol))
        for code in codes:
            self.test.XTestFakeKeyEvent(self.display, code, 1, 0)
        for code in reversed(codes):
            self.test.XTestFakeKeyEvent(self.display, code, 0, 0)
        self.sync()

    def type(self, text):
        for character in text:
            self.key("space" if character == " " else character)

    def click(self, x, y, button=1):
        """Buttons 4 and 5 are the wheel, up and down."""
        self.test.XTestFakeMotionEvent(self.display, -1, x, y, 0)
        self.test.XTestFakeButtonEvent(self.display, button, 1, 0)
        self.test.XTestFakeButtonEvent(self.display, button, 0, 0)
        self.sync()

    def stroke(self, x, y):
        """Moves the mouse over that place and on, without a click."""
        for step in range(3):
            self.test.XTestFakeMotionEvent(self.display, -1, x + 20 * step, y + 20 * step, 0)
        self.sync()

    def rest_mouse(self):
        """Out of the way of pictures."""
        self.test.XTestFakeMotionEvent(self.display, -1, self.width - 1, self.height - 1, 0)
        self.sync()

    # ---- pictures ----

    def pixels(self, x, y, width, height):
        image = self.x.XGetImage(self.display, self.root, x, y, width, height, ALL_PLANES, Z_PIXMAP)
        assert image, "no picture of the screen"
        head = image.contents
        assert head.bits_per_pixel == 32 and head.bytes_per_line == width * 4
        content = ctypes.string_at(head.data, head.bytes_per_line * height)
        # The structure's own way to free both; the macro of the same name is not in the library.
        self.x.XDestroyImage(image)
        return content
