"""The colours that pictures share, whoever draws them: matplotlib (figures/) or the page of a run (report/).

The first are those of Okabe and Ito (distinct to the colour-blind) and one of Tol. No two allocators share
a colour. Pure, and of the standard library alone.
"""

from __future__ import annotations

import colorsys

# Okabe and Ito, "Color universal design", 2008; instead of their yellow, which is too pale on white,
# the wine of Paul Tol's "muted".
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#882255"]
# Then those of more that are furthest from all before them (CIE 1976: 26 at least, as in the first).
COLOURS += ["#7F3FBF", "#66A61E", "#F4A582", "#E7298A", "#00CED1", "#8C510A", "#004D40", "#BBBB22"]
FIRST = 8  # allocators have lines without gaps
GREY = "#707070"  # the floor, and what is said beside the data
ZONE = "#EEEEEE"

# What a mark needs against its ground to be seen (WCAG 2.1, 1.4.11).
CONTRAST = 3.0
STEP = 0.05  # of the way to white or black


def colour(i: int) -> str:
    """A different one for each i. Beyond those that were chosen, hues as far apart as they get."""
    if i < len(COLOURS):
        return COLOURS[i]
    hue, lightness = i * 0.618034 % 1, (0.35, 0.5, 0.65)[i % 3]
    return joined(colorsys.hls_to_rgb(hue, lightness, 0.8))


def joined(parts: tuple[float, ...]) -> str:
    return "#" + "".join(f"{round(255 * part):02X}" for part in parts)


def parts_of(of: str) -> tuple[float, ...]:
    """Red, green and blue, from 0 to 1."""
    return tuple(int(of[at : at + 2], 16) / 255 for at in (1, 3, 5))


def luminance(of: str) -> float:
    """Relative, as WCAG defines it."""
    linear: list[float] = [
        p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts_of(of)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def on(ground: str, of: str) -> str:
    """The colour, moved away from the ground until it can be seen on it."""
    goal = 0.0 if luminance(ground) > 0.5 else 1.0
    made, share = of, 0.0
    while contrast(made, ground) < CONTRAST and share < 1:
        share += STEP
        made = joined(tuple(p + (goal - p) * share for p in parts_of(of)))
    return made
