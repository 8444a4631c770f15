# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes days go by for a test's postbusd: clock-shim.c is preloaded, and reads what is added here."""
import mmap
import os
import struct
import time

from harness import skip

DAY = 86400


class Clock:
    """To be made before the daemon is started. pass_time() is seen at once, waits in the daemon end in milliseconds."""

    def __init__(self, bed):
        shim = os.environ.get("POSTBUS_CLOCK_SHIM")
        if not shim:
            skip("POSTBUS_CLOCK_SHIM does not name the library")
        path = os.path.join(bed.folder, "clock")
        with open(path, "w+b") as file:
            file.write(bytes(16))
            file.flush()
            self.map = mmap.mmap(file.fileno(), 16)
        self.wall = self.monotonic = 0
        environment = bed.postbusd.environment
        bed.postbusd.environment = lambda: {
            **environment(), "LD_PRELOAD": shim, "POSTBUS_CLOCK": path,
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}

    def pass_time(self, seconds):
        self.wall += seconds
        self.monotonic += seconds
        self._tell()

    def noon(self):
        """Goes on to the next 12:20 of the local time, so that neither a day nor an hour ends while a test counts in it."""
        now = time.localtime(self.now())
        self.pass_time((44400 - now.tm_hour * 3600 - now.tm_min * 60 - now.tm_sec) % DAY)
        return self

    def now(self):
        """The time of the daemon's wall clock, in Unix seconds."""
        return time.time() + self.wall

    def set_wall(self, seconds):
        """The wall clock alone is set, forward or back."""
        self.wall += seconds
        self._tell()

    def _tell(self):
        self.map[:] = struct.pack("=qq", self.wall * 10**9, self.monotonic * 10**9)
