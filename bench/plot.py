"""plot - a picture of what bench measured

SYNOPSIS
    python -P -m bench.plot bench.json docs/bench.png

DESCRIPTION
    Rates against the size of messages, and against the number of sessions, in
    memory and on disk. Needs matplotlib (extra bench), and results of all
    cases named */size/* and */sessions/*.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

PLACES = {"tmpfs": "in memory (tmpfs)", "disk": "on disk, each message synced"}
COLORS = {"Postfix": "#888888", "frame": "#0b6e4f", "wire": "#7bc8a4"}
LABELS = {
    "Postfix": "Postfix 3.7.11",
    "frame": "Postroom",
    "wire": "Postroom, native_submission = no",
}
SIZES = {1024: "1 KiB", 51_200: "50 KiB", 1024**2: "1 MiB", 10 * 1024**2: "10 MiB"}
USUAL_SIZE, USUAL_SESSIONS = 1024, 10

Cases = Mapping[str, Mapping[str, Any]]


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(prog="bench.plot", description="a picture of bench.json")
    parser.add_argument("results", type=Path)
    parser.add_argument("picture", type=Path)
    options = parser.parse_args()
    found = json.loads(options.results.read_text())
    draw({each["case"]: each for each in found["cases"]}).savefig(options.picture, dpi=110)


def draw(cases: Cases) -> Figure:
    """Return the picture."""
    figure = Figure(figsize=(10, 7), layout="constrained")
    panels = figure.subplots(2, 2)
    for row, (place, title) in zip(panels, PLACES.items(), strict=True):
        by_size, by_sessions = row
        draw_sizes(by_size, cases, place)
        draw_sessions(by_sessions, cases, place)
        by_size.set_title(f"{USUAL_SESSIONS} sessions, {title}")
        by_sessions.set_title(f"{SIZES[USUAL_SIZE]}, {title}")
    panels[0][0].legend()
    return figure


def draw_sizes(panel: Axes, cases: Cases, place: str) -> None:
    """Draw rates against sizes, both on scales of powers."""
    found = [case for name, case in cases.items() if name.startswith(f"{place}/size/")]
    draw_sides(panel, found, "size")
    panel.set_xscale("log")
    panel.set_yscale("log")
    sizes = sorted(case["size"] for case in found)
    panel.set_xticks(sizes, [SIZES[size] for size in sizes])
    panel.minorticks_off()
    panel.set_xlabel("size of a message")


def draw_sessions(panel: Axes, cases: Cases, place: str) -> None:
    """Draw rates against numbers of sessions."""
    names = (f"{place}/sessions/", f"{place}/size/{USUAL_SIZE // 1024}K")
    found = [case for name, case in cases.items() if name.startswith(names)]
    draw_sides(panel, found, "sessions")
    sessions = sorted(case["sessions"] for case in found)
    panel.set_xticks(sessions, [str(count) for count in sessions])
    panel.set_ylim(bottom=0)
    panel.set_xlabel("sessions at a time")


def draw_sides(panel: Axes, cases: list[Mapping[str, Any]], key: str) -> None:
    """Draw a line for each side: rates against what the cases have under key."""
    lines: dict[str, list[tuple[int, float]]] = {}
    for case in cases:
        for side in case["sides"]:
            lines.setdefault(side["side"], []).append((case[key], side["rate"]))
    for side, points in lines.items():
        across, up = zip(*sorted(points), strict=True)
        panel.plot(across, up, marker="o", color=COLORS[side], label=LABELS[side])
    panel.set_ylabel("messages a second")
    panel.grid(alpha=0.3)


if __name__ == "__main__":
    main()
