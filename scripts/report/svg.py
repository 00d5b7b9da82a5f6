"""Pieces of HTML and SVG as text in which all that comes from data is escaped. Pure; without a library, so
that the pictures can be drawn and tested where jinja2 is not installed."""

from __future__ import annotations

import html
from typing import Optional, Union


class Markup(str):
    """Text that is HTML already. jinja2 knows it by `__html__`, and leaves it as it is."""

    def __html__(self) -> str:
        return str(self)


HTML = ("td", "th", "a")  # what a browser does not let end with />
Value = Union[str, float, int, bool, None]


def escaped(text: str) -> Markup:
    return text if isinstance(text, Markup) else Markup(html.escape(text))


def number(value: float) -> str:
    """A coordinate: to a tenth, without a needless zero."""
    return f"{value:.1f}".removesuffix(".0")


def attribute(name: str, value: Value) -> str:
    """`class_` is class, `data_a` is data-a. None and False leave it out; True has no value."""
    if value is None or value is False:
        return ""
    key = name.removesuffix("_").replace("_", "-")
    if value is True:
        return f" {key}"
    text = number(value) if isinstance(value, float) else str(value)
    return f' {key}="{html.escape(text)}"'


def element(kind: str, *children: str, **attributes: Value) -> Markup:
    """<kind attributes>children</kind>. A child that is not Markup is escaped."""
    head = kind + "".join(attribute(k, v) for k, v in attributes.items())
    inner = "".join(map(escaped, children))
    return Markup(f"<{head}>{inner}</{kind}>" if inner or kind in HTML else f"<{head}/>")


def group(*children: str, **attributes: Value) -> Markup:
    return element("g", *children, **attributes)


def line(x1: float, y1: float, x2: float, y2: float, class_: str, **more: Value) -> Markup:
    ends = {"x1": float(x1), "y1": float(y1), "x2": float(x2), "y2": float(y2)}
    return element("line", **ends, class_=class_, **more)


def text(x: float, y: float, said: str, class_: Optional[str] = None, **more: Value) -> Markup:
    return element("text", said, x=float(x), y=float(y), class_=class_, **more)


def circle(x: float, y: float, radius: float, class_: str, **more: Value) -> Markup:
    return element("circle", cx=float(x), cy=float(y), r=float(radius), class_=class_, **more)


def rectangle(x: float, y: float, width: float, height: float, class_: str) -> Markup:
    return element(
        "rect", x=float(x), y=float(y), width=float(width), height=float(height), class_=class_
    )


def polyline(points: list[tuple[float, float]], **attributes: Value) -> Markup:
    joined = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    return element("polyline", points=joined, **attributes)


def title(said: str) -> Markup:
    """What a screen reader says of a mark, and what hovering over it shows."""
    return element("title", said)


def picture(
    width: float, height: float, label: Optional[str], *children: str, **attributes: Value
) -> Markup:
    """`label`: what a screen reader says of it; None: a title among its children does."""
    return element(
        "svg",
        *children,
        viewBox=f"0 0 {number(width)} {number(height)}",
        width=float(width),
        height=float(height),
        role="img",
        aria_label=label,
        **attributes,
    )
