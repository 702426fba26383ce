"""Pictures of models: the graph of layers, and the first epochs of several runs.

Free of any framework: a graph is a dictionary from the name of a node to the names of the
nodes it takes its input from, losses are arrays. Matplotlib draws both; no other program.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from utils.plotting import BLACK, BLUE, ORANGE, new_axes

BOX_HEIGHT, ROW_HEIGHT = 0.42, 0.95  # inches
GAP, MARGIN = 0.35, 0.15  # inches
RUN_COLORS = (BLUE, ORANGE)

Graph = Mapping[str, Sequence[str]]
Slot = tuple[str, str] | tuple[str, str, int]  # a node (twice its name) or an arrow in a row


def graph_rows(graph: Graph) -> dict[str, int]:
    """Return the row of every node: 0 without inputs, else one below its lowest input.

    Parameters
    ----------
    graph : mapping from str to sequence of str
        From the name of a node to the names of the nodes it takes its input from.

    Returns
    -------
    dict from str to int
        In the order of `graph`; the length of the longest way from a node without inputs.

    Raises
    ------
    ValueError
        If the graph is empty, names an input that is no node, or has a cycle.
    """
    if not graph:
        raise ValueError("graph has no nodes; give at least one, such as {'points': []}")
    for name, sources in graph.items():
        unknown = [source for source in sources if source not in graph]
        if unknown:
            raise ValueError(
                f"node {name!r} takes its input from {unknown[0]!r}, which is no node of the "
                f"graph; the nodes are {list(graph)}"
            )
    rows: dict[str, int] = {}
    while len(rows) < len(graph):
        ready = {
            name: 1 + max((rows[source] for source in sources), default=-1)
            for name, sources in graph.items()
            if name not in rows and all(source in rows for source in sources)
        }
        if not ready:
            left = [name for name in graph if name not in rows]
            raise ValueError(f"the nodes {left} lie on a cycle or behind one; break the cycle")
        rows.update(ready)
    return {name: rows[name] for name in graph}


def sources_of(graph: Graph, name: str) -> set[str]:
    """Return every node that `name` depends on, near or far, without itself.

    Parameters
    ----------
    graph : mapping from str to sequence of str
        As in `graph_rows`.
    name : str
        A node of the graph.

    Returns
    -------
    set of str

    Raises
    ------
    ValueError
        If the graph is not valid or `name` is no node of it.
    """
    graph_rows(graph)
    if name not in graph:
        raise ValueError(f"there is no node {name!r}; the nodes are {list(graph)}")
    found: set[str] = set()
    waiting = list(graph[name])
    while waiting:
        source = waiting.pop()
        if source not in found:
            found.add(source)
            waiting.extend(graph[source])
    return found


def plot_model_graph(graph: Graph, texts: Mapping[str, str] | None = None) -> Axes:
    """Draw a graph of layers from top to bottom, an arrow for each input.

    Inputs are blue, outputs (the nodes that no other node takes its input from) orange.

    Parameters
    ----------
    graph : mapping from str to sequence of str
        As in `graph_rows`.
    texts : mapping from str to str, optional
        What to write into a node's box; its name if not given.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the graph is not valid, or if `texts` has a name that is no node.
    """
    rows = graph_rows(graph)
    texts = {} if texts is None else texts
    strange = [name for name in texts if name not in graph]
    if strange:
        raise ValueError(f"texts has {strange[0]!r}, which is no node; they are {list(graph)}")
    texts = {name: texts.get(name, name) for name in graph}
    width = max(0.085 * max(map(len, texts.values())) + 0.3, 1.0)
    layers = _layers(graph, rows)
    size = (
        max((width + GAP) * max(map(len, layers)) + 2 * MARGIN, 3.0),
        ROW_HEIGHT * len(layers),
    )
    ax = new_axes(size)
    place = {
        slot: ((index - (len(layer) - 1) / 2) * (width + GAP), -row * ROW_HEIGHT)
        for row, layer in enumerate(layers)
        for index, slot in enumerate(layer)
    }
    for name in graph:
        for source in graph[name]:
            _arrow(ax, [place[slot] for slot in _way(source, name, rows)])
    read = {source for sources in graph.values() for source in sources}
    for name in graph:
        color = BLUE if not graph[name] else "white" if name in read else ORANGE
        _box(ax, texts[name], *place[name, name], width, color)
    half = size[0] / 2
    ax.set(xlim=(-half, half), ylim=(-size[1] + ROW_HEIGHT / 2, ROW_HEIGHT / 2), aspect="equal")
    ax.set_axis_off()
    return ax


def plot_first_epochs(losses: Mapping[str, np.ndarray], ax: Axes | None = None) -> Axes:
    """Draw the loss of two groups of runs over the epochs: thin lines the runs, thick the mean.

    Parameters
    ----------
    losses : mapping from str to ndarray of shape (runs, epochs + 1), any real dtype
        For each of at most two groups the losses, column 0 before training; all of one
        shape in the second axis.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes
        Its thick lines carry the names of the groups as labels.

    Raises
    ------
    ValueError
        If there is no group or there are more than two, if an array has not two axes, has
        no runs or holds a value that is not finite, or if the numbers of epochs differ.
    """
    losses = {name: np.asarray(values) for name, values in losses.items()}
    if not 1 <= len(losses) <= len(RUN_COLORS):
        raise ValueError(f"losses has {len(losses)} groups, allowed are 1 and {len(RUN_COLORS)}")
    lengths = set()
    for name, values in losses.items():
        if values.ndim != 2 or 0 in values.shape:
            raise ValueError(
                f"losses of {name!r} have shape {values.shape}, allowed is (runs, epochs + 1)"
            )
        if not (np.issubdtype(values.dtype, np.number) and np.isfinite(values).all()):
            raise ValueError(f"losses of {name!r} hold a value that is not a finite number")
        lengths.add(values.shape[1])
    if len(lengths) != 1:
        raise ValueError(f"the groups have {sorted(lengths)} columns, allowed is one number")
    ax = new_axes((6.0, 4.0)) if ax is None else ax
    epochs = np.arange(lengths.pop())
    for color, style, (name, values) in zip(RUN_COLORS, ("-", "--"), losses.items(), strict=False):
        ax.plot(epochs, values.T, color=color, linestyle=style, linewidth=0.8, alpha=0.45)
        label = f"{name}, mean of {len(values)} runs"
        ax.plot(
            epochs, values.mean(axis=0), color=color, linestyle=style, linewidth=2.5, label=label
        )
    ax.set(xlabel="epoch", ylabel="loss (binary cross-entropy)", title="the first epochs")
    ax.set_xticks(epochs)
    ax.legend()
    return ax


def _way(source: str, name: str, rows: Mapping[str, int]) -> list[Slot]:
    """Return the slots that an arrow passes: its ends, and one free slot in each row between."""
    between = [(source, name, row) for row in range(rows[source] + 1, rows[name])]
    return [(source, source), *between, (name, name)]


def _layers(graph: Graph, rows: Mapping[str, int]) -> list[list[Slot]]:
    """Order the slots of each row by the mean place of what leads to them, against crossings."""
    before: dict[Slot, list[Slot]] = {(name, name): [] for name in graph}
    for name, sources in graph.items():
        for source in sources:
            way = _way(source, name, rows)
            for upper, lower in pairwise(way):
                before.setdefault(lower, []).append(upper)
    layers: list[list[Slot]] = [[] for _ in range(max(rows.values()) + 1)]
    for slot in before:
        layers[slot[2] if len(slot) == 3 else rows[slot[0]]].append(slot)
    place: dict[Slot, float] = {}
    for layer in layers:
        means = {
            slot: sum(place[upper] for upper in before[slot]) / max(len(before[slot]), 1)
            for slot in layer
        }
        layer.sort(key=means.__getitem__)
        place |= {slot: index - (len(layer) - 1) / 2 for index, slot in enumerate(layer)}
    return layers


def _arrow(ax: Axes, way: list[tuple[float, float]]) -> None:
    """Draw a line through the free slots on the way, with a head at its end."""
    points = list(way)
    points[0] = points[0][0], points[0][1] - BOX_HEIGHT / 2
    points[-1] = points[-1][0], points[-1][1] + BOX_HEIGHT / 2
    if len(points) > 2:
        ax.plot(*zip(*points[:-1], strict=True), color=BLACK, linewidth=1)
    style = {"arrowstyle": "-|>", "color": BLACK, "shrinkA": 0, "shrinkB": 0, "linewidth": 1}
    ax.annotate("", xy=points[-1], xytext=points[-2], arrowprops=style)


def _box(ax: Axes, text: str, x: float, y: float, width: float, color: str) -> None:
    ax.add_patch(
        plt.Rectangle(
            (x - width / 2, y - BOX_HEIGHT / 2),
            width,
            BOX_HEIGHT,
            facecolor=color,
            edgecolor=BLACK,
            zorder=2,
        )
    )
    ink = "white" if color == BLUE else BLACK
    ax.text(x, y, text, color=ink, ha="center", va="center", zorder=3)
