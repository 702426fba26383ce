"""The pictures of models, on cases worked out by hand."""

import networkx as nx
import numpy as np
import pytest
from matplotlib import pyplot as plt

from utils.graph import plot_hidden_units, plot_model_graph
from utils.plotting import BLUE, ORANGE

CHAIN = nx.DiGraph([("points", "dense1"), ("dense1", "dense2")])
BRANCHES = nx.DiGraph(
    [
        ("points", "dense1"),
        ("radius", "wide"),
        ("dense1", "dense2"),
        ("dense2", "joined"),
        ("wide", "joined"),
        ("joined", "ring"),
        ("dense2", "auxiliary"),
    ]
)
PAST = nx.DiGraph([*CHAIN.edges, ("dense2", "sum"), ("points", "sum")])


def written(ax):
    """Return the place of each text; an arrow is an empty one."""
    return {text.get_text(): text.get_position() for text in ax.texts if text.get_text()}


def arrows(ax):
    """Return the start and end of each arrow, whatever free place it passes on its way."""
    bends = {tuple(line.get_xydata()[-1]): line.get_xydata()[0] for line in ax.lines}
    heads = [text for text in ax.texts if not text.get_text()]
    return [(bends.get(tuple(head.xyann), head.xyann), head.xy) for head in heads]


class TestPlotModelGraph:
    def test_each_layer_stands_below_its_lowest_input(self):
        place = written(plot_model_graph(BRANCHES))
        down = sorted({y for _, y in place.values()}, reverse=True)
        rows = {name: down.index(y) for name, (_, y) in place.items()}
        assert rows == {
            **{"points": 0, "radius": 0, "dense1": 1, "wide": 1, "dense2": 2},
            **{"joined": 3, "auxiliary": 3, "ring": 4},
        }

    @pytest.mark.parametrize("graph", [CHAIN, BRANCHES, PAST])
    def test_an_arrow_joins_the_right_boxes(self, graph):
        ax = plot_model_graph(graph)
        place = written(ax)
        assert set(place) == set(graph)
        wanted = sorted((place[a][0], place[b][0]) for a, b in graph.edges)
        assert np.allclose(sorted((start[0], end[0]) for start, end in arrows(ax)), wanted)
        assert all(start[1] > end[1] for start, end in arrows(ax)), "arrows point down"

    @pytest.mark.parametrize("graph", [CHAIN, BRANCHES, PAST])
    def test_no_arrow_crosses_a_box(self, graph):
        ax = plot_model_graph(graph)
        ways = [(text.xyann, text.xy) for text in ax.texts if not text.get_text()]
        for line in ax.lines:
            ways += zip(line.get_xydata(), line.get_xydata()[1:], strict=False)
        for start, end in ways:
            for step in np.linspace(0.02, 0.98, 49):
                x, y = np.multiply(start, 1 - step) + np.multiply(end, step)
                assert not any(patch.get_bbox().contains(x, y) for patch in ax.patches)

    def test_boxes_hold_their_texts_and_do_not_overlap(self):
        ax = plot_model_graph(BRANCHES, {"dense1": "a rather long text for a box"})
        ax.figure.canvas.draw()
        boxes = [patch.get_bbox() for patch in ax.patches]
        for index, box in enumerate(boxes):
            assert ax.get_xlim()[0] <= box.x0 < box.x1 <= ax.get_xlim()[1]
            assert ax.get_ylim()[0] <= box.y0 < box.y1 <= ax.get_ylim()[1]
            assert not any(box.overlaps(other) for other in boxes[index + 1 :])
        texts = [text for text in ax.texts if text.get_text()]
        for text, patch in zip(texts, ax.patches, strict=True):
            inside, box = text.get_window_extent(), patch.get_window_extent()
            assert box.x0 <= inside.x0 < inside.x1 <= box.x1, text.get_text()

    def test_colours_tell_inputs_and_outputs(self):
        colors = [patch.get_facecolor() for patch in plot_model_graph(BRANCHES).patches]
        color = dict(zip(BRANCHES, colors, strict=True))
        as_rgba = plt.matplotlib.colors.to_rgba
        assert color["points"] == color["radius"] == as_rgba(BLUE)
        assert color["ring"] == color["auxiliary"] == as_rgba(ORANGE)
        assert color["joined"] == as_rgba("white")

    def test_a_cycle_is_refused(self):
        with pytest.raises(nx.NetworkXUnfeasible):
            plot_model_graph(nx.DiGraph([("a", "b"), ("b", "a")]))


def test_hidden_units():
    side = np.linspace(-8, 8, 41)
    x, y = np.meshgrid(side, side)
    lines = np.stack([x - 1, y + 2], axis=-1)
    parts = np.stack([number * np.maximum(lines[..., 0], 0) for number in (-1, 0, 1, 2)], axis=-1)
    figure = plot_hidden_units(x, y, lines, parts, parts.sum(axis=-1) - 4)
    axes = {ax.get_title(): ax for ax in figure.axes if ax.get_title()}
    assert len(axes) == 6
    for number in range(4):
        drawn = axes[f"unit {number + 1}"].collections[0].get_array()
        assert np.array_equal(np.ravel(drawn), parts[..., number].ravel())
    edges = [c.get_paths()[0].vertices for c in axes["first layer: lines"].collections[1::2]]
    assert np.allclose(edges[0][:, 0], 1)
    assert np.allclose(edges[1][:, 1], -2)
    boundary = axes["the sum, and where it is 0"].collections[1].get_paths()[0].vertices
    assert np.allclose(boundary[:, 0], 3), "2 · (x - 1) - 4 is 0 at x = 3"
    assert "circle: radius 6.5" in repr(figure)
