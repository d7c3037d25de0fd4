"""Draws what `benchmarks.scale` found: `python -m benchmarks.curves scale.svg sqlite.json postgres.json`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("agg")
from matplotlib import pyplot as plt

SHOWN = (
    *("accept", "claim", "claim of many waiting", "facts", "compile", "draft", "publish"),
    *("list of mentions", "list of people", "list of stats", "retention batch"),
)


def draw(axes: Any, found: dict[str, Any]) -> None:
    """The medians of one database by the number of people."""
    people = found["people"]
    for name in filter(found["measures"].__contains__, SHOWN):
        sizes = found["measures"][name]
        axes.plot(people, [sizes[str(each)]["p50"] for each in people], marker="o", label=name)
    axes.set(xscale="log", yscale="log", xlabel="people and ended mentions", title=found["database"])
    axes.set_xticks(people, [f"{each:,}" for each in people])
    axes.minorticks_off()
    axes.grid(alpha=0.3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", type=Path)
    parser.add_argument("results", type=Path, nargs="+", help="files with one JSON object each")
    options = parser.parse_args()
    mpl.rcParams["svg.hashsalt"] = "scale"  # the same picture of the same figures
    size = (5 * len(options.results) + 2, 5)
    figure, _ = plt.subplots(1, len(options.results), figsize=size, sharey=True)
    for axes, path in zip(figure.axes, options.results, strict=True):
        draw(axes, json.loads(path.read_text("utf-8")))
    figure.axes[0].set_ylabel("milliseconds, median")
    figure.axes[-1].legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small")
    figure.savefig(options.picture, bbox_inches="tight", metadata={"Date": None})


if __name__ == "__main__":
    main()
