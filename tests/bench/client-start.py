# SPDX-License-Identifier: GPL-3.0-or-later
"""How long postbus-admin takes from its start to its first page, against a running postbusd under Xvfb. The window is not
shown before it has its first page, so its coming onto the screen is what is timed; that the page is there and has its title is
looked at behind the clock. One start before the rounds warms the caches, as on a computer in use."""
import argparse
import os
import pathlib
import statistics
import sys
import time

MOST = 60  # seconds for one start
TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "client/ui"), str(TESTS / "integration")]


def start_once(ui, page, title):
    """Seconds from the start to the window on the screen."""
    before = {window for window, _ in ui.screen.windows()}
    applications = set(ui.reader.applications())
    begun = time.monotonic()
    ui.process = ui.run_admin(f"--bus={ui.bed.bus.address}", f"--page={page}")
    while not [window for window, _ in ui.screen.windows() if window not in before]:
        ui.check_alive()
        assert time.monotonic() < begun + MOST, f"no window after {MOST} s"
        time.sleep(0.002)
    seconds = time.monotonic() - begun
    ui.name = ui.wait(lambda: next(iter(set(ui.reader.applications()) - applications), None), "the window's name")
    ui.window, _ = ui.screen.windows()[-1]
    ui.wait(lambda: ui.title() == title, f"the page {title}")
    ui.quit()
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    from ui import Ui
    ui = Ui()
    try:
        ui.bed.start()
        start_once(ui, "overview", "Overview")
        for page, title in (("overview", "Overview"), ("general", "General")):
            taken = sorted(start_once(ui, page, title) for _ in range(options.rounds))
            print(f"{title:10} {options.rounds} starts: min {taken[0]:.2f} s, median {statistics.median(taken):.2f} s, "
                  f"max {taken[-1]:.2f} s  (load average {os.getloadavg()[0]:.2f})")
    finally:
        ui.close(False)
        ui.bed.remove()


if __name__ == "__main__":
    main()
