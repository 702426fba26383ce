"""Mutation testing with mutants that a program makes up; tools/plant_faults.py has those by hand.

    python -m tools.mutants [--count 100] [--seed 0] [01 train]

A mutant changes one line of a notebook's code, in both twins where both have the line: it exchanges
train_ and valid_, swaps neighbours, changes a number, a comparison or a mean, or drops the line. It
is executed and stored, so that comparing outputs cannot help: a check or a test must notice it.
Survivors that tests/mutants.toml explains do no harm. Exit status 1 if more than a tenth survive
without a reason. The seed chooses the mutants; the weekly workflow takes a new one each time.
"""

import argparse
import ast
import random
import re
import sys
import tomllib
from collections.abc import Iterator

from tools import notebooks as tool
from tools.plant_faults import UNNOTICED, Fault, copy_of, examine_all, watched
from tools.translations import PAIRS

EXPLAINED = tool.ROOT / "tests" / "mutants.toml"
OTHER = {"<": ">=", ">": "<=", "<=": ">", ">=": "<", "==": "!=", "!=": "=="}
OPERATORS = {
    "train and valid": (
        r"\b(train|valid)_",
        lambda m: {"train": "valid_", "valid": "train_"}[m[1]],
    ),
    "neighbours": (r"(?<=[(, ])(\w+), (\w+)(?=[,)])", r"\2, \1"),
    "number": (r"(?<![\w.\"'])\d+(?![\w.\"'])", lambda m: str(int(m[0]) + 1)),
    "decimal": (r"(?<![\w.])\d+\.\d+(?!\w)", lambda m: str(2 * float(m[0]) or 1.0)),
    "comparison": (r"(?<= )([<>]=?|[=!]=)(?= )", lambda m: OTHER[m[1]]),
    "mean": (r"\bmean\b(?=\()", "median"),
    "line dropped": (r"^( *)(?!print\()\S.*$", r"\1pass"),  # a missing print is seen
}


def mutants(pair: str) -> Iterator[Fault]:
    """Make up every mutant of a pair's cells; checks, answers and what prints versions stay."""
    seen = set()
    for path in sorted(tool.NOTEBOOKS.glob(f"{pair}_*.ipynb")):
        for cell in tool.read(path).cells:
            if cell.cell_type != "code" or re.search(
                "check|exercise|imports|versions|-time", cell.id
            ):
                continue
            for line in cell.source.splitlines():
                for name, (pattern, replacement) in OPERATORS.items():
                    for found in re.finditer(pattern, line):
                        new = line[: found.start()] + re.sub(
                            pattern, replacement, line[found.start() :], count=1
                        )
                        key = cell.id, line, new
                        if key not in seen and differs(cell.source, line, new):
                            seen.add(key)
                            told = f"{name}: {cell.id}: {new.strip()}"
                            yield Fault(pair, told, cell.id, old=line, new=new)


def differs(source: str, old: str, new: str) -> bool:
    """Say whether a line stands once in a cell's code, and what replaces it is other code."""
    try:
        changed = ast.parse(source.replace(old, new))
    except SyntaxError:
        return False
    return source.count(old) == 1 and ast.dump(changed) != ast.dump(ast.parse(source))


def draw(every: list[Fault], count: int, seed: int) -> list[Fault]:
    """Choose mutants, as many of each kind as of the others where there are so many."""
    rng, chosen = random.Random(seed), []
    kinds = {name: [m for m in every if m.name.startswith(name)] for name in OPERATORS}
    while len(chosen) < min(count, len(every)):
        kind = rng.choice([kind for kind in kinds.values() if kind])
        chosen.append(kind.pop(rng.randrange(len(kind))))
    return chosen


def explained(mutant: Fault) -> bool:
    """Say whether tests/mutants.toml has a reason why a survivor does no harm."""
    entries = tomllib.loads(EXPLAINED.read_text(encoding="utf-8"))["survivor"]
    own = {"pair": mutant.pair, "cell": mutant.cell, "old": mutant.old.strip()}
    return any(own | {"new": mutant.new.strip(), "why": each["why"]} == each for each in entries)


def main() -> int:
    """Draw mutants, run them, print what noticed each, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("words", nargs="*", help="a pair, or words of the mutant")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    every = [mutant for pair in PAIRS for mutant in mutants(pair[:2])]
    fitting = [
        each for each in every if all(w in f"{each.pair} {each.name}" for w in arguments.words)
    ]
    chosen = draw(fitting, arguments.count, arguments.seed)
    print(f"{len(chosen)} of {len(fitting)} mutants", file=sys.stderr, flush=True)
    with copy_of(tool.ROOT) as original:
        tasks = [(mutant, group) for mutant in chosen for group in watched(mutant, original)]
        report = examine_all(original, tasks, arguments.jobs, ["stored"])
    left = {task[0] for task, red in zip(tasks, report["stored"], strict=True) if red == UNNOTICED}
    harmless = list(filter(explained, left))
    print(f"{len(chosen)} mutants, {len(left)} survived, {len(harmless)} of them explained")
    return 1 if len(left) - len(harmless) > len(chosen) / 10 else 0


if __name__ == "__main__":
    sys.exit(main())
