"""Figures that can say in words what they show: for the comparison of outputs, and as their
alternative text.

Jupyter stores the `repr` of a figure as plain text beside its picture, and nbval compares it.
"""

from collections.abc import Iterator

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

DECIMALS = 3  # coarser than what rounding on another machine can change


class DescribedFigure(Figure):
    """A figure whose `repr` describes it; its data only as far as they repeat."""

    repeats = True  # False where the data are times: then only what is drawn, not its values

    def __repr__(self) -> str:
        """Return one line for the figure, one for each Axes, one for each artist."""
        plots = [ax for ax in self.axes if ax.get_label() != "<colorbar>"]
        lines = [line for ax in plots for line in _describe(ax, self.repeats)]
        return "\n".join(["Figure", *lines])


def _describe(ax: Axes, repeats: bool) -> Iterator[str]:
    legend = ax.get_legend()
    bars = [each.get_ylabel() for each in ax.child_axes]
    bars += [each.colorbar.ax.get_ylabel() for each in ax.collections if each.colorbar]
    parts = {
        "x": ax.get_xlabel(),
        "y": ax.get_ylabel(),
        "legend": "; ".join(text.get_text() for text in legend.get_texts()) if legend else "",
        "colour": "; ".join(dict.fromkeys(bars)),
    }
    named = [f"{name}: {text}" for name, text in parts.items() if text]
    scales = [f"{axis} axis logarithmic" for axis in "xy" if _log(ax, axis)]
    yield " | ".join([f"plot '{ax.get_title()}'", *named, *scales])
    for artist in (*ax.lines, *ax.collections, *ax.patches, *ax.images):
        label = str(artist.get_label())
        named = "" if not label or label.startswith("_") else f" '{label}'"
        name = f"  {_kind(artist)}{named}"
        yield f"{name}: {_data(artist)}" if repeats else name
    texts = [text.get_text().replace("\n", " ") for text in ax.texts if text.get_text()]
    if texts and repeats:
        yield f"  texts: {'; '.join(texts)}"


def _log(ax: Axes, axis: str) -> bool:
    return getattr(ax, f"get_{axis}scale")() == "log"


def _kind(artist: Artist) -> str:
    names = {PathCollection: "points", QuadMesh: "map", ContourSet: "contour", Rectangle: "bar"}
    kinds = [name for kind, name in names.items() if isinstance(artist, kind)]
    return kinds[0] if kinds else type(artist).__name__.removesuffix("2D").lower()


def _data(artist: Artist) -> str:
    if isinstance(artist, ContourSet):
        return f"at {_number(*artist.levels)}"
    if isinstance(artist, Circle):
        return f"radius {_number(artist.radius)} around ({_number(*artist.center)})"
    if isinstance(artist, Rectangle):
        return f"{_number(artist.get_width())} wide, {_number(artist.get_height())} high"
    if isinstance(artist, PathCollection):
        return _span(*np.ma.getdata(artist.get_offsets()).T)
    if hasattr(artist, "get_xydata"):
        return _span(*np.asarray(artist.get_xydata(), dtype=float).T)
    values = artist.get_array() if hasattr(artist, "get_array") else None
    return "" if values is None else _span(np.ravel(values))


def _span(*columns: np.ndarray) -> str:
    """Say how many values there are, and of each column the least, the mean and the largest."""
    spans = [_number(each.min(), each.mean(), each.max()) for each in columns if len(each)]
    return f"{len(columns[0])} values, {'; '.join(spans)}"


def _number(*values: float) -> str:
    return ", ".join(f"{round(float(value), DECIMALS) + 0.0:g}" for value in values)
