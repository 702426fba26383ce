"""`make lab PAIR=01`: the twins side by side in JupyterLab."""

import sys

import pytest

from tools import lab, translations
from tools import notebooks as tool
from utils import launch

NAMES = ["01_six_steps_tensorflow.ipynb", "01_six_steps_pytorch.ipynb"]


def test_a_pair_that_is_not_there_is_named():
    with pytest.raises(SystemExit, match="no pair has the number 99; there are 01_six_steps"):
        lab.main(["99"])


def test_the_chinese_notebooks_have_the_same_code(tmp_path, monkeypatch):
    monkeypatch.setattr(translations, "NOTEBOOKS", tmp_path)
    translations.write_notebooks("07")
    for path in sorted(tool.NOTEBOOKS.glob("07_*.ipynb")):
        english, chinese = tool.read(path), tool.read(tmp_path / path.name)
        for one, other in zip(english.cells, chinese.cells, strict=True):
            assert one.id == other.id
            if one.cell_type == "code":
                assert one == other
            else:
                assert one.source != other.source, one.id
    assert (tmp_path / "scale_out_pytorch.py").is_file()


def test_the_twins_open_in_equal_halves(browser):
    """In a real browser: no file browser, no pop-up."""
    port = launch.free_ports(1)[0]
    options = ["--no-browser", f"--port={port}", "--IdentityProvider.token=t"]
    code = f"import os; os.dup2(1, 2); from tools import lab; lab.main({['01', *options]})"
    command = [sys.executable, "-c", code]
    seen = {}

    def look(line):
        if "/lab/workspaces/pair" in line and not seen:
            page = browser.new_page(viewport={"width": 1680, "height": 1000})
            page.goto(f"http://localhost:{port}/lab/workspaces/pair?token=t")
            page.locator(".jp-NotebookPanel").nth(1).wait_for(timeout=60_000)
            page.wait_for_timeout(3000)
            panels = page.locator(".jp-NotebookPanel").all()
            seen["widths"] = [panel.bounding_box()["width"] for panel in panels]
            seen["tabs"] = page.locator(
                ".lm-DockPanel-tabBar .lm-TabBar-tabLabel"
            ).all_inner_texts()
            seen["popups"] = page.locator(".Toastify__toast, .jp-Dialog").count()
            seen["files"] = page.locator(".jp-FileBrowser:visible").count()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        launch.run([command], limit=120, cwd=tool.ROOT, show=look)
    left, right = seen["widths"]
    assert left == pytest.approx(right, abs=2)
    assert left > 700
    assert seen["tabs"] == NAMES
    assert (seen["popups"], seen["files"]) == (0, 0)
