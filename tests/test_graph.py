"""The graph of layers and the picture of the first epochs, on cases worked out by hand."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

from utils.graph import graph_rows, plot_first_epochs, plot_model_graph, sources_of
from utils.plotting import BLUE, ORANGE

CHAIN = {"points": [], "dense1": ["points"], "dense2": ["dense1"]}
BRANCHES = {
    "points": [],
    "radius": [],
    "dense1": ["points"],
    "dense2": ["dense1"],
    "wide": ["radius"],
    "joined": ["dense2", "wide"],
    "ring": ["joined"],
    "auxiliary": ["dense2"],
}


class TestGraphRows:
    def test_chain(self):
        assert graph_rows(CHAIN) == {"points": 0, "dense1": 1, "dense2": 2}

    def test_a_node_stands_below_its_lowest_input(self):
        rows = graph_rows(BRANCHES)
        assert rows["wide"] == 1
        assert rows["joined"] == 3
        assert rows["ring"] == 4
        assert rows["auxiliary"] == 3

    def test_order_of_the_graph_is_kept(self):
        backwards = dict(reversed(BRANCHES.items()))
        assert list(graph_rows(backwards)) == list(backwards)
        assert graph_rows(backwards) == graph_rows(BRANCHES)

    @pytest.mark.parametrize(
        ("graph", "words"),
        [
            ({}, "no nodes"),
            ({"a": ["b"]}, "'b', which is no node"),
            ({"a": ["a"]}, "cycle"),
            ({"x": [], "a": ["b", "x"], "b": ["a"]}, r"\['a', 'b'\] lie on a cycle"),
        ],
    )
    def test_bad_graphs(self, graph, words):
        with pytest.raises(ValueError, match=words):
            graph_rows(graph)
        with pytest.raises(ValueError, match=words):
            plot_model_graph(graph)


class TestSourcesOf:
    def test_near_and_far(self):
        assert sources_of(BRANCHES, "auxiliary") == {"points", "dense1", "dense2"}
        assert sources_of(BRANCHES, "ring") == set(BRANCHES) - {"ring", "auxiliary"}
        assert sources_of(BRANCHES, "radius") == set()

    def test_unknown_node(self):
        with pytest.raises(ValueError, match="no node 'dense3'"):
            sources_of(CHAIN, "dense3")


class TestPlotModelGraph:
    def test_a_box_for_each_node_and_an_arrow_for_each_input(self):
        ax = plot_model_graph(BRANCHES)
        written = [text.get_text() for text in ax.texts if text.get_text()]
        assert sorted(written) == sorted(BRANCHES)
        arrows = [text for text in ax.texts if not text.get_text()]
        assert len(arrows) == sum(map(len, BRANCHES.values()))
        assert len(ax.patches) == len(BRANCHES)

    def test_arrows_join_the_right_boxes(self):
        ax = plot_model_graph(BRANCHES)
        place = {text.get_text(): text.get_position() for text in ax.texts if text.get_text()}
        wanted = sorted((place[a][0], place[b][0]) for b in BRANCHES for a in BRANCHES[b])
        bends = {tuple(line.get_xydata()[-1]): line.get_xydata()[0] for line in ax.lines}
        found = []
        for arrow in (text for text in ax.texts if not text.get_text()):
            start = bends.get(tuple(arrow.xyann), arrow.xyann)
            assert start[1] > arrow.xy[1], "arrows point down"
            found.append((start[0], arrow.xy[0]))
        assert np.allclose(sorted(found), wanted)

    def test_no_arrow_crosses_a_box(self):
        for graph in (BRANCHES, CHAIN | {"sum": ["points", "dense2"]}):
            ax = plot_model_graph(graph)
            ways = [(text.xyann, text.xy) for text in ax.texts if not text.get_text()]
            for line in ax.lines:
                ways += zip(line.get_xydata(), line.get_xydata()[1:], strict=False)
            for start, end in ways:
                for step in np.linspace(0.02, 0.98, 49):
                    x, y = np.multiply(start, 1 - step) + np.multiply(end, step)
                    for patch in ax.patches:
                        assert not patch.get_bbox().contains(x, y)

    def test_boxes_do_not_overlap_and_lie_inside(self):
        ax = plot_model_graph(BRANCHES, {"dense1": "a rather long text for a box"})
        ax.figure.canvas.draw()
        boxes = [patch.get_bbox() for patch in ax.patches]
        for index, box in enumerate(boxes):
            assert ax.get_xlim()[0] <= box.x0 < box.x1 <= ax.get_xlim()[1]
            assert ax.get_ylim()[0] <= box.y0 < box.y1 <= ax.get_ylim()[1]
            assert not any(box.overlaps(other) for other in boxes[index + 1 :])
        for text, patch in zip((t for t in ax.texts if t.get_text()), ax.patches, strict=True):
            inside, box = text.get_window_extent(), patch.get_window_extent()
            assert box.x0 <= inside.x0 < inside.x1 <= box.x1, text.get_text()

    def test_colours_tell_inputs_and_outputs(self):
        ax = plot_model_graph(BRANCHES)
        color = dict(zip(BRANCHES, (patch.get_facecolor() for patch in ax.patches), strict=True))
        as_rgba = plt.matplotlib.colors.to_rgba
        assert color["points"] == color["radius"] == as_rgba(BLUE)
        assert color["ring"] == color["auxiliary"] == as_rgba(ORANGE)
        assert color["joined"] == as_rgba("white")

    def test_texts_of_unknown_nodes(self):
        with pytest.raises(ValueError, match="texts has 'dense3'"):
            plot_model_graph(CHAIN, {"dense3": "no such layer"})


class TestPlotFirstEpochs:
    def test_thick_lines_are_means(self):
        losses = {
            "one": np.array([[4.0, 2.0], [2.0, 1.0], [6.0, 6.0]]),
            "two": np.array([[1.0, 0.5]]),
        }
        ax = plot_first_epochs(losses)
        thick = [line for line in ax.lines if line.get_linewidth() > 2]
        assert len(ax.lines) == 3 + 1 + 1 + 1
        assert [list(line.get_ydata()) for line in thick] == [[4.0, 3.0], [1.0, 0.5]]
        assert [line.get_color() for line in thick] == [BLUE, ORANGE]
        legend = [text.get_text() for text in ax.get_legend().get_texts()]
        assert legend == ["one, mean of 3 runs", "two, mean of 1 runs"]
        assert ax.get_xlabel() == "epoch"
        assert "loss" in ax.get_ylabel()

    def test_given_axes_are_used(self):
        ax = plt.subplots()[1]
        assert plot_first_epochs({"one": np.ones((1, 3))}, ax) is ax

    @pytest.mark.parametrize(
        ("losses", "words"),
        [
            ({}, "0 groups"),
            (dict.fromkeys("abc", np.ones((1, 2))), "3 groups"),
            ({"a": np.ones(3)}, r"shape \(3,\)"),
            ({"a": np.ones((0, 3))}, r"shape \(0, 3\)"),
            ({"a": np.array([[1.0, np.nan]])}, "not a finite number"),
            ({"a": np.array([["x"]])}, "not a finite number"),
            ({"a": np.ones((1, 2)), "b": np.ones((1, 3))}, r"\[2, 3\] columns"),
        ],
    )
    def test_bad_losses(self, losses, words):
        with pytest.raises(ValueError, match=words):
            plot_first_epochs(losses)
