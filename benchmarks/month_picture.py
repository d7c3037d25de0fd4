"""Draws a month of `benchmarks.month`: when was asked and answered, and how soon."""

from __future__ import annotations

from datetime import timedelta
from statistics import NormalDist
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np

mpl.use("agg")
from matplotlib import pyplot as plt

from benchmarks.month_script import BEGIN, DAYS, PAUSE, ZONE
from bot.domain.pacing import HUMAN_MEDIAN, HUMAN_P95, HUMAN_SPREAD

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from matplotlib.axes import Axes

LONGEST = 400  # seconds that are drawn


def draw(path: Path, asked: list[datetime], answered: list[datetime], delays: list[float]) -> None:
    """The file has the format of its name. `delays` are in seconds."""
    mpl.rcParams["svg.hashsalt"] = "month"  # the same picture of the same figures
    figure, (days, soon, clock) = plt.subplots(1, 3, figsize=(15, 4.5), width_ratios=(2, 1, 1))
    _draw_days(days, asked, answered)
    _draw_delays(soon, delays)
    clock.hist([at.second + at.microsecond / 1e6 for at in answered], bins=30, color="tab:blue")
    clock.set(xlabel="second of the minute", title="no clockwork")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _draw_days(axes: Axes, asked: list[datetime], answered: list[datetime]) -> None:
    for times, size, label in ((asked, 4, "asked"), (answered, 5, "answered")):
        local = [at.astimezone(ZONE) for at in times]
        days = [(at - BEGIN) / timedelta(days=1) // 1 + 1 for at in local]
        hours = [at.hour + at.minute / 60 for at in local]
        axes.scatter(days, hours, s=size, label=label, alpha=0.6, linewidths=0, rasterized=True)
    begin, end = ((BEGIN + at).astimezone(ZONE).hour for at in PAUSE)
    axes.bar(PAUSE[0].days + 1, end - begin, bottom=begin, color="lightgray", zorder=0, label="paused")
    axes.set(
        xlim=(0, DAYS + 2),
        ylim=(24, 0),
        xlabel="day",
        ylabel="hour",
        title="a month, by the clock on the wall",
    )
    axes.legend(loc="upper right", fontsize="small")


def _draw_delays(axes: Axes, delays: list[float]) -> None:
    axes.hist(delays, bins=80, range=(0, LONGEST), density=True, color="tab:orange")
    at = np.linspace(1, LONGEST, 400)
    median = HUMAN_MEDIAN.total_seconds()
    spread = np.log(HUMAN_P95 / HUMAN_MEDIAN) / HUMAN_SPREAD
    bell = NormalDist(np.log(median), spread)
    axes.plot(at, [bell.pdf(np.log(each)) / each for each in at], color="black", label="as stated")
    axes.set(xlabel="seconds to the answer", title="how soon")
    axes.legend(fontsize="small")
