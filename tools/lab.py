"""Open JupyterLab with the twins of a pair side by side.

    python -m tools.lab              the folder notebooks/
    python -m tools.lab 01           both notebooks of pair 01, in equal halves
    python -m tools.lab 01 --zh      the Chinese ones, from build/zh/

What follows goes to JupyterLab, for example --no-browser.
"""

import json
import os
import sys
from pathlib import Path

from jupyterlab.labapp import main as open_lab
from jupyterlab_server.workspaces_handler import WorkspacesManager

from tools import notebooks as tool
from tools import translations

LAB = tool.ROOT / "build" / "lab"
# The packages of this environment are ours alone, so its settings may be, too: no news pop-up.
SETTINGS = Path(sys.prefix, "share", "jupyter", "lab", "settings", "overrides.json")
QUIET = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}


def workspace(names: list[str]) -> dict:
    """Return JupyterLab's description of a window: notebooks in equal parts, no file browser."""
    areas = [
        {"type": "tab-area", "currentIndex": 0, "widgets": [f"notebook:{name}"]} for name in names
    ]
    dock = {
        "type": "split-area",
        "orientation": "horizontal",
        "sizes": [1 / len(areas)] * len(areas),
        "children": areas,
    }
    layout = {
        "main": {"dock": dock, "current": f"notebook:{names[0]}"},
        "left": {"collapsed": True, "widgets": []},
        "right": {"collapsed": True, "widgets": []},
        "relativeSizes": [0, 1, 0],
    }
    opened = {f"notebook:{n}": {"data": {"path": n, "factory": "Notebook"}} for n in names}
    return {"data": {"layout-restorer:data": layout, **opened}, "metadata": {"id": "pair"}}


def main(arguments: list[str]) -> None:
    """Write the workspace and start JupyterLab; it ends with Ctrl-C."""
    chinese = "--zh" in arguments
    pair, *others = [each for each in arguments if each != "--zh"] or [""]
    folder = translations.NOTEBOOKS if chinese else tool.NOTEBOOKS
    if chinese:
        translations.write_notebooks(pair)
    names = [path.name for path in sorted(folder.glob(f"{pair}_*.ipynb"), reverse=True)]
    if pair and not names:
        sys.exit(f"no pair has the number {pair}; there are {', '.join(translations.PAIRS)}")
    LAB.mkdir(parents=True, exist_ok=True)
    if not SETTINGS.exists():
        tool.store(SETTINGS, json.dumps(QUIET))
    options = [f"--notebook-dir={folder}", f"--LabApp.workspaces_dir={LAB}", *others]
    if pair:
        WorkspacesManager(str(LAB)).save("pair", json.dumps(workspace(names)))
        options.append("--LabApp.default_url=/lab/workspaces/pair")
    if getattr(os, "geteuid", lambda: 1)() == 0:  # as in a container
        options.append("--allow-root")
    open_lab(options)


if __name__ == "__main__":
    main(sys.argv[1:])
