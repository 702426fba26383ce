"""Pictures of models: the graph of their layers, and what their hidden units do.

No framework is needed: networkx knows the graph, Matplotlib draws it, and no other program.
"""

from collections.abc import Iterable, Mapping

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from utils.data import boundary_radius
from utils.figures import DescribedFigure
from utils.plotting import BLACK, BLUE, ORANGE, STYLE, new_axes

BOX_HEIGHT, ROW_HEIGHT = 0.42, 0.95  # inches
GAP, MARGIN = 0.35, 0.15  # inches
Slot = str | tuple[str, str, int]  # a node, or a free place in a row that an arrow passes
SIGNS = LinearSegmentedColormap.from_list("signs", [ORANGE, "white", BLUE])


def plot_model_graph(graph: nx.DiGraph, texts: Mapping[str, str] | None = None) -> Axes:
    """Draw a graph of layers from top to bottom, an arrow for each input.

    `texts` says what to write into a node's box instead of its name. Inputs are blue, outputs
    (the nodes that lead to no other) orange. NetworkXUnfeasible if the graph has a cycle.
    """
    texts = {name: (texts or {}).get(name, name) for name in graph}
    ways = _ways(graph)
    place = _places(graph, ways.values())
    width = max(0.085 * max(map(len, texts.values())) + 0.3, 1.0)
    across, down = np.array(list(place.values())).T
    half = max((np.abs(across).max() + 0.5) * (width + GAP) + MARGIN, 1.5)
    height = ROW_HEIGHT * (down.max() + 1)
    ax = new_axes((2 * half, height), repeats=True)
    at = {slot: (x * (width + GAP), -y * ROW_HEIGHT) for slot, (x, y) in place.items()}
    for way in ways.values():
        _draw_arrow(ax, [at[slot] for slot in way])
    for name, text in texts.items():
        (x, y), read = at[name], graph.out_degree(name)
        color = BLUE if not graph.in_degree(name) else "white" if read else ORANGE
        corner = (x - width / 2, y - BOX_HEIGHT / 2)
        look = {"facecolor": color, "edgecolor": BLACK, "zorder": 2}
        ax.add_patch(plt.Rectangle(corner, width, BOX_HEIGHT, **look))
        ink = "white" if color == BLUE else BLACK
        ax.text(x, y, text, color=ink, ha="center", va="center", zorder=3)
    top = ROW_HEIGHT / 2
    ax.set(xlim=(-half, half), ylim=(top - height, top), aspect="equal")
    ax.set_axis_off()
    return ax


def plot_hidden_units(
    x: np.ndarray, y: np.ndarray, lines: np.ndarray, parts: np.ndarray, logit: np.ndarray
) -> Figure:
    """Draw how the hidden units of a network with two inputs add up to its answer.

    Parameters
    ----------
    x, y : ndarray of shape (n, n)
        A square map of the plane, as `np.meshgrid` makes it; the rest has one value a point.
    lines : ndarray of shape (n, n, units)
        What each unit of the first layer computes before `relu`: 0 on its line.
    parts : ndarray of shape (n, n, units)
        What each unit of the last hidden layer adds to the logit.
    logit : ndarray of shape (n, n)
        The sum of the parts and the last bias.
    """
    half = parts.shape[-1] // 2
    rows = [["lines", *range(half), "sum"], ["lines", *range(half, 2 * half), "sum"]]
    options = {"figsize": (13.0, 3.9), "FigureClass": DescribedFigure, "sharex": True}
    options |= {"width_ratios": [2.2, *[1] * half, 2.2], "sharey": True}
    with plt.rc_context(STYLE):
        figure, axes = plt.subplot_mosaic(rows, **options)
    reach = np.abs(parts).max()
    maps = {"cmap": SIGNS, "vmin": -reach, "vmax": reach, "rasterized": True}
    for number in range(2 * half):
        axes[number].pcolormesh(x, y, parts[..., number], **maps)
        axes[number].set_title(f"unit {number + 1}")
        axes[number].tick_params(length=0, labelbottom=False, labelleft=False)
    for line in np.moveaxis(lines, -1, 0):
        axes["lines"].contourf(x, y, line, levels=[0, np.inf], colors=[BLUE], alpha=0.15)
        axes["lines"].contour(x, y, line, levels=[0], colors=BLACK, linewidths=1.4)
    image = axes["sum"].pcolormesh(x, y, logit, **maps)
    axes["sum"].contour(x, y, logit, levels=[0], colors=BLACK, linewidths=1.8)
    figure.colorbar(image, ax=axes["sum"], label="part of the logit, and logit", shrink=0.8)
    for name, title in (("lines", "first layer: lines"), ("sum", "the sum, and where it is 0")):
        ideal = {"color": BLACK, "linestyle": "--", "linewidth": 1.2}
        axes[name].add_patch(plt.Circle((0, 0), boundary_radius(), fill=False, **ideal))
        axes[name].set(xlabel="x", ylabel="y", title=title)
    for ax in axes.values():
        ax.set(aspect="equal", xticks=[-10, 0, 10], yticks=[-10, 0, 10])
        ax.grid(visible=False)
    return figure


def _ways(graph: nx.DiGraph) -> dict[tuple, list]:
    """Return what each arrow passes: its ends, and a free slot in every row between them."""
    rows = enumerate(nx.topological_generations(graph))
    row = {name: number for number, names in rows for name in names}
    return {
        (source, name): [
            source,
            *((source, name, between) for between in range(row[source] + 1, row[name])),
            name,
        ]
        for source, name in graph.edges
    }


def _places(graph: nx.DiGraph, ways: Iterable[list]) -> dict[Slot, tuple[float, int]]:
    """Return place and row of every slot: each row in the order of what leads to it."""
    slots = nx.DiGraph()
    slots.add_nodes_from(graph)
    for way in ways:
        nx.add_path(slots, way)
    place: dict[Slot, tuple[float, int]] = {}
    for row, layer in enumerate(nx.topological_generations(slots)):
        means = {
            slot: np.mean([place[before][0] for before in slots.predecessors(slot)] or 0.0)
            for slot in layer
        }
        layer = sorted(layer, key=means.__getitem__)
        middle = (len(layer) - 1) / 2
        place |= {slot: (number - middle, row) for number, slot in enumerate(layer)}
    return place


def _draw_arrow(ax: Axes, way: list[tuple[float, float]]) -> None:
    """Draw a line through the free slots on the way, with a head at its end."""
    (x, y), *between, (x_end, y_end) = way
    points = [(x, y - BOX_HEIGHT / 2), *between, (x_end, y_end + BOX_HEIGHT / 2)]
    if between:
        ax.plot(*zip(*points[:-1], strict=True), color=BLACK, linewidth=1)
    style = {"arrowstyle": "-|>", "color": BLACK, "shrinkA": 0, "shrinkB": 0, "linewidth": 1}
    ax.annotate("", xy=points[-1], xytext=points[-2], arrowprops=style)
