"""The Chinese edition: every message translated, nothing lost on the way, terms as agreed."""

import re
import sys
from collections import Counter

import pytest

from tools import translations
from utils import launch

CODE = r"```(?!\{raw\})(?s:.*?)```|(?<!`)`[^`\n]+`(?!`)"
LINKS = r"\]\(([^)\s]+)\)"
PATTERNS = {
    "code": CODE,
    "link": LINKS,
    "number": r"\d+(?:[.,]\d+)*",
    "HTML tag": r"<(/?\w+)",
    "mark of bold": r"\*\*",
}
SPELLED = {"twenty": "20", "fifty": "50", "hundred": "100", "thousand": "1,000"}
SPELLED |= {
    word: str(number)
    for number, word in enumerate(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), start=1
    )
}
ROWS = [
    [part.strip() for part in line.strip("|").split("|")]
    for line in (translations.CATALOGUES.parent / "glossary.md").read_text("utf-8").splitlines()
    if line.startswith("| ")
][2:]
GLOSSARY = {english: re.split("、", chinese) for english, chinese, *_ in ROWS}
NAMES = [*translations.PAIRS, "site"]


def bare(text: str) -> str:
    """Return the words of a message: no code, no addresses, no HTML tags."""
    return re.sub(rf"{CODE}|{LINKS}|<[^>]*>", " ", text)


def shape(text: str) -> list[str]:
    """Return what begins each line that is a heading or an item, and the bars of a table's row."""
    found = re.findall(r"^\s*(#{1,6} |[-*] |\d+\. |\|.*$)", text, re.MULTILINE)
    return ["|" * len(re.findall(r"(?<!\\)\|", each)) if "|" in each else each for each in found]


def problems(source: str, translation: str) -> list[str]:
    """Return what is wrong with the translation of a message, in words."""
    found = []
    if not translation.strip():
        return ["it is missing"]
    spelled = {SPELLED[word] for word in re.findall(r"[a-z]+", source.lower()) if word in SPELLED}
    for what, pattern in PATTERNS.items():
        texts = map(bare, (source, translation)) if what == "number" else (source, translation)
        ours, theirs = (Counter(re.findall(pattern, text)) for text in texts)
        found += [f"{what} {each} is lost" for each in ours - theirs]
        found += [f"{what} {each} is too much" for each in theirs - ours if each not in spelled]
    if shape(source) != shape(translation):
        found.append(f"shape: {shape(source)} became {shape(translation)}")
    chinese = len(re.findall(r"[\u4e00-\u9fff]", translation))
    english = len(re.findall(r"\b[a-z]{2,}", bare(source)))
    if chinese < 0.8 * english:
        found.append(f"{chinese} Chinese characters for {english} English words")
    words = bare(source)
    for term in sorted(GLOSSARY, key=len, reverse=True):  # "bias correction" is no "bias"
        words, used = re.subn(rf"\b{term}(?:s|es)?\b", " ", words, flags=re.IGNORECASE)
        if used and not any(each.lower() in translation.lower() for each in GLOSSARY[term]):
            found.append(f"glossary: {term} is {' or '.join(GLOSSARY[term])}")
    return found


@pytest.mark.parametrize("name", NAMES)
def test_no_message_is_missing_stale_or_damaged(name):
    stored = {each.id: each for each in translations.stored(name) if each.id}
    wrong = []
    for message in translations.messages(name):
        if not message.id:
            continue
        known = stored.get(message.id)
        said = ["run `make translations`"] if known is None else []
        if known is not None:
            said = ["it is fuzzy"] if known.fuzzy else problems(message.id, known.string)
        wrong += [f"{message.locations}: {each}" for each in said]
    assert not wrong, "\n".join(wrong)
    assert stored.keys() == {each.id for each in translations.messages(name) if each.id}


def bones(readme: str) -> dict[str, list[str]]:
    """What both READMEs share: commands without comments, tables' numbers, links, inline code."""
    text = (translations.tool.ROOT / readme).read_text(encoding="utf-8")
    text = re.sub(r"^\[(中文|English)\]\(.+\)\n\n", "", text, flags=re.MULTILINE)
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    rows = re.findall(r"^\|.*$", text, re.MULTILINE)
    words = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return {
        "commands": [re.sub(r" *#.*", "", line) for each in blocks for line in each.splitlines()],
        "headings": re.findall(r"^#+(?= )", text, re.MULTILINE),
        "rows": [str(re.findall(PATTERNS["number"], bare(row))) for row in rows],
        "links": sorted(re.findall(LINKS, text)),
        "code": sorted(" ".join(each.split()) for each in re.findall(r"(?<!`)`[^`]+`(?!`)", words)),
    }


def test_both_readmes_say_the_same():
    english, chinese = bones("README.md"), bones("README.zh-CN.md")
    for what, found in english.items():
        assert found == chinese[what], what


@pytest.mark.slow
@pytest.mark.frameworks
def test_a_chinese_pair_runs_and_gives_the_stored_outputs(tmp_path, monkeypatch):
    monkeypatch.setattr(translations, "NOTEBOOKS", tmp_path)
    translations.write_notebooks("01")
    root = translations.tool.ROOT
    options = ["-q", "-c", str(root / "pyproject.toml"), f"--rootdir={root}", str(tmp_path)]
    ended = launch.run([[sys.executable, "-m", "pytest", *options]], limit=600, cwd=root, show=None)
    assert ended.ok, ended.output
    assert re.search(r"\d{2} passed", ended.output)
