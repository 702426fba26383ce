"""The Chinese edition: every message translated, nothing lost on the way, terms as agreed."""

import re
from collections import Counter

import pytest

from tools import notebooks as tool
from tools import translations

CODE = r"```(?s:.*?)```|`[^`]+`"
LINKS = r"\]\(([^)\s]+)\)"
NUMBERS = r"\d+(?:[.,]\d+)*"
WORDS = "zero one two three four five six seven eight nine ten eleven twelve".split()
TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "hundred": 100, "thousand": 1000}
SPELLED = {word: str(number) for number, word in enumerate(WORDS)} | {
    word: f"{number:,}" for word, number in TENS.items()
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
    """Return what begins each line that is a heading, an item or a row of a table, and its cells."""
    found = re.findall(r"^\s*(#{1,6} |[-*] |\d+\. |\|.*$)", text, re.MULTILINE)
    return ["|" * len(re.findall(r"(?<!\\)\|", each)) if "|" in each else each for each in found]


def problems(source: str, translation: str) -> list[str]:
    """Return what is wrong with the translation of a message, in words."""
    found = []
    if not translation.strip():
        return ["it is missing"]
    for what, pattern in {"code": CODE, "links": LINKS, "HTML tags": r"<(/?\w+)"}.items():
        lost = Counter(re.findall(pattern, source)) - Counter(re.findall(pattern, translation))
        more = Counter(re.findall(pattern, translation)) - Counter(re.findall(pattern, source))
        if lost or more:
            found.append(f"{what}: lacks {list(lost)}, has too much {list(more)}")
    numbers = [Counter(re.findall(NUMBERS, bare(text))) for text in (source, translation)]
    spelled = {SPELLED[word] for word in re.findall(r"[a-z]+", source.lower()) if word in SPELLED}
    extra = set(numbers[1]) - set(numbers[0]) - spelled
    if numbers[0] - numbers[1] or extra:
        found.append(f"numbers: lacks {list(numbers[0] - numbers[1])}, has too much {sorted(extra)}")
    if shape(source) != shape(translation):
        found.append(f"shape: {shape(source)} became {shape(translation)}")
    if source.count("**") != translation.count("**"):
        found.append("the bold words are not as many")
    chinese, english = re.findall(r"[\u4e00-\u9fff]", translation), re.findall(r"[a-z]{2,}", bare(source))
    if len(chinese) < 0.8 * len(english):
        found.append(f"{len(chinese)} Chinese characters for {len(english)} English words")
    for english, allowed in GLOSSARY.items():
        used = re.search(rf"\b{english}(?:s|es)?\b", bare(source), re.IGNORECASE)
        if used and not any(term.lower() in translation.lower() for term in allowed):
            found.append(f"glossary: {english} is {' or '.join(allowed)}")
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
