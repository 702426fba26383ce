"""Nobody sees half a file, and an error is never held back."""

import os
import sys

import pytest

from utils.files import atomic_write
from utils.quiet import quiet_start


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_a_file_is_made_with_its_folder_and_suffix(tmp_path):
    path = tmp_path / "deep" / "model.keras"
    with atomic_write(path) as part:
        assert part.suffix == ".keras"
        assert part.parent == path.parent
        part.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert names(path.parent) == ["model.keras"]


@pytest.mark.parametrize("name", ["model.weights.h5", "weights.pt", "saved_model", "a.b.c"])
def test_all_suffixes_are_kept(tmp_path, name):
    with atomic_write(tmp_path / name) as part:
        assert part.suffixes[-name.count(".") :] == (tmp_path / name).suffixes or "." not in name
        assert part.name != name
        part.touch()
    assert names(tmp_path) == [name]


@pytest.mark.parametrize("folder", [False, True])
def test_a_file_or_a_folder_is_replaced(tmp_path, folder):
    path = tmp_path / "model"
    for name in ("old", "new"):
        with atomic_write(path) as part:
            if folder:
                part.mkdir()
            (part / name if folder else part).write_text(name)
    assert names(path) == ["new"] if folder else path.read_text() == "new"
    assert names(tmp_path) == ["model"]


@pytest.mark.parametrize("folder", [False, True])
def test_what_was_there_survives_a_failure(tmp_path, folder):
    path = tmp_path / "model"
    with atomic_write(path) as part:
        part.write_text("good")

    def half(part):
        if folder:
            part.mkdir()
            part = part / "half"
        part.write_text("half")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"), atomic_write(path) as part:
        half(part)
    assert path.read_text() == "good"
    assert names(tmp_path) == ["model"]


def test_a_folder_comes_back_when_the_rename_fails(tmp_path, monkeypatch):
    path = tmp_path / "saved_model"
    path.mkdir()
    (path / "good").write_text("x")

    def fail(self, target):
        raise PermissionError("in use")

    monkeypatch.setattr(type(path), "replace", fail)
    with pytest.raises(PermissionError, match="in use"), atomic_write(path) as part:
        part.mkdir()
    assert names(path) == ["good"]
    assert names(tmp_path) == ["saved_model"]


def test_writing_nothing_is_an_error(tmp_path):
    with (
        pytest.raises(FileNotFoundError, match="nothing was written"),
        atomic_write(tmp_path / "model"),
    ):
        pass
    assert names(tmp_path) == []


def test_quiet_start_drops_what_is_logged_below_python(capfd):
    with quiet_start():
        os.write(2, b"I0000 a line of the library's log\n")
    assert capfd.readouterr().err == ""
    os.write(2, b"later\n")
    assert capfd.readouterr().err == "later\n"


def test_quiet_start_shows_everything_when_the_block_raises(capfd):
    def start():
        os.write(2, b"E0000 the reason\n")
        raise ImportError("no such library")

    with pytest.raises(ImportError, match="no such library"), quiet_start():
        start()
    sys.stderr.flush()
    assert "E0000 the reason" in capfd.readouterr().err
