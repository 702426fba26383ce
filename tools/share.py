"""Copy what the twins of a pair share from one twin into the other.

    python -m tools.share 01 pytorch     from the PyTorch twin of pair 01 into the TensorFlow one

Shared are the Markdown cells but for the title, the opening and those whose id begins with
`how-`, and the code cells that name no framework (not even in a comment) and use no name that
only one twin's own cells define.
Their text, tags and folding are copied, new ones at their place, and those that are gone from the
first twin go from the second; the cells of a framework stay as they are. Outputs are kept where
the code is the same; `make execute` fills the others.
"""

import ast
import copy
import dis
import re
import sys
from itertools import pairwise

from nbformat import NotebookNode

from tools import notebooks as tool

TWINS = {"pytorch": "tensorflow", "tensorflow": "pytorch"}
FRAMEWORK = re.compile(
    r"(?<![a-z])(tf|keras|tensorflow|nn|torch|torchsummary|pytorch)(?![a-z])", re.IGNORECASE
)
OWN_WORDS = ("title", "opening", "how-")


def defined(source: str) -> set[str]:
    """Return the names that a cell's code defines for the cells after it."""
    code = dis.get_instructions(compile(source, "cell", "exec"))
    return {each.argval for each in code if each.opname == "STORE_NAME"}


def used(source: str) -> set[str]:
    """Return the names that stand in a cell's code; attributes and strings do not count."""
    return {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}


def own_code(twins: list[dict[str, str]]) -> set[str]:
    """Return the ids of the code cells, given as {id: source}, that belong to a framework.

    They name one, in code or comment, or use what only one twin's own cells define.
    """
    ids = twins[0].keys() | twins[1].keys()
    code = {each: [twin[each] for twin in twins if each in twin] for each in ids}
    known = [set().union(*map(defined, twin.values())) for twin in twins]
    own, found = set(), {each for each in ids if any(map(FRAMEWORK.search, code[each]))}
    while found - own:
        own |= found
        names = [
            set().union(*(defined(twin[each]) for each in own & twin.keys())) for twin in twins
        ]
        one_sided = (names[0] - known[1]) | (names[1] - known[0])
        found = {each for each in ids if any(used(source) & one_sided for source in code[each])}
    return own


def shared_ids(first: NotebookNode, second: NotebookNode) -> set[str]:
    """Return the ids of the cells, in either twin, that must be the same in both."""
    kinds = {cell.id: cell.cell_type for twin in (first, second) for cell in twin.cells}
    words = {each for each, kind in kinds.items() if kind == "markdown"}
    code = [{c.id: c.source for c in twin.cells if c.id not in words} for twin in (first, second)]
    own_words = {each for each in words if each.startswith(OWN_WORDS)}
    return kinds.keys() - own_words - own_code(code)


def joined(cell: NotebookNode, old: NotebookNode | None) -> NotebookNode:
    """Return a copy of a shared cell with the outputs that the other twin has for its code."""
    new = copy.deepcopy(cell)
    if cell.cell_type == "code":
        same = old is not None and old.source == cell.source
        new.outputs = old.outputs if same else []
        new.execution_count = old.execution_count if same else None
    return new


def share(source: NotebookNode, target: NotebookNode) -> NotebookNode:
    """Return the target twin with the cells that both share as they are in the source twin."""
    shared = shared_ids(source, target)
    ours, theirs = ({cell.id: cell for cell in twin.cells} for twin in (source, target))
    order = [each for each in ours if each in shared or each in theirs]
    for before, each in pairwise(theirs):
        if each not in order and each not in shared:  # the twin's own stays where it stood
            order.insert(order.index(before) + 1 if before in order else len(order), each)
    result = copy.deepcopy(target)
    result.cells = [
        joined(ours[each], theirs.get(each)) if each in shared else theirs[each] for each in order
    ]
    return result


def main() -> int:
    """Share one pair and say what changed; return 1 for a pair or a twin that there is not."""
    pair, framework = [*sys.argv[1:], "", ""][:2]
    paths = sorted(tool.NOTEBOOKS.glob(f"{pair or '-'}_*_{framework}.ipynb"))
    if framework not in TWINS or len(paths) != 1:
        print("say which pair and from which twin: make share PAIR=01 FROM=pytorch")
        return 1
    path = paths[0].with_name(paths[0].name.replace(framework, TWINS[framework]))
    source, before = tool.read(paths[0]), tool.read(path)
    after = share(source, before)
    tool.store(path, tool.canonical(after))
    old, new = ({cell.id: cell.source for cell in each.cells} for each in (before, after))
    changed = [each for each in {**new, **old} if old.get(each) != new.get(each)]
    print(f"{path.name}, cells changed: {', '.join(changed) or 'none'}")
    alone = {cell.id for cell in source.cells} ^ new.keys()
    print(f"cells that lack a counterpart: {', '.join(sorted(alone)) or 'none'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
