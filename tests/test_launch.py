"""Starting programs: outputs come through, limits hold, and nothing outlives its run."""

import socket
import sys
import textwrap
import time

import pytest

from utils import launch


def python(code, *arguments):
    return [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]


def run(*programs, limit=60.0, **options):
    return launch.run(programs, limit=limit, show=None, **options)


# A program that starts another, which starts another; all sleep. The last one leaves a note.
FAMILY = """
import os, subprocess, sys, time
depth, note = int(sys.argv[1]), sys.argv[2]
if depth:
    child = [sys.executable, "-c", sys.argv[3], str(depth - 1), note, sys.argv[3]]
    subprocess.Popen(child, start_new_session=True)
else:
    open(note, "w").close()
print("started", depth, flush=True)
time.sleep({sleep})
while not os.path.exists(note):
    time.sleep(0.05)
sys.exit({code})
"""


def family(note, sleep=40, code=0):
    text = FAMILY.format(sleep=sleep, code=code)
    return [sys.executable, "-c", text, "2", str(note), FAMILY.format(sleep=40, code=0)]


def test_lines_and_status():
    shown = []
    ended = launch.run(
        [python("import sys; print('Φ one'); print('two'); print('note', file=sys.stderr)")],
        limit=60,
        show=shown.append,
    )
    assert ended.ok
    assert ended.codes == (0,)
    assert ended.lines == ("Φ one", "two")
    assert shown == ["Φ one", "two"]
    assert ended.output == "Φ one\ntwo"
    assert ended.log == "note"
    assert not ended.timed_out
    assert ended.seconds > 0
    assert ended.message == "all ended well"


def test_lines_are_shown_while_the_program_runs():
    seen = []
    code = "import time; print('early', flush=True); time.sleep(2); print('late')"
    launch.run([python(code)], limit=60, show=lambda line: seen.append((line, time.monotonic())))
    assert [line for line, _ in seen] == ["early", "late"]
    assert seen[1][1] - seen[0][1] > 1


def test_the_time_limit_holds(tmp_path):
    start = time.monotonic()
    ended = run(family(tmp_path / "note"), limit=4)
    assert ended.timed_out
    assert not ended.ok
    assert ended.codes == (None,)
    assert 4 <= time.monotonic() - start < 35
    assert "time limit" in ended.message
    assert "started" in ended.message, "the last line helps to see what it waited for"


@pytest.mark.parametrize("code", [0, 3])
def test_nothing_it_starts_outlives_it(tmp_path, code):
    """Children and grandchildren end with the run, though their parent has gone before them."""
    note = tmp_path / "note"
    ended = run(family(note, sleep=0, code=code))
    assert note.exists(), "the grandchild never ran, so this proves nothing"
    assert ended.codes == (code,)
    assert launch.survivors(ended.mark) == []


def test_nothing_outlives_an_interrupt(tmp_path, monkeypatch):
    note, mark = tmp_path / "note", launch.uuid.uuid4()
    monkeypatch.setattr(launch.uuid, "uuid4", lambda: mark)

    def interrupt(line):
        while not note.exists():
            time.sleep(0.05)
        assert len(launch.survivors(mark.hex)) == 3
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        launch.run([family(note)], limit=60, show=interrupt)
    assert launch.survivors(mark.hex) == []


def test_when_one_fails_the_others_end():
    start = time.monotonic()
    ended = run(python("import time; time.sleep(90)"), python("raise SystemExit(7)"))
    assert ended.codes == (None, 7)
    assert time.monotonic() - start < 60
    assert ended.message == "ended with exit status 7"
    assert launch.survivors(ended.mark) == []


def test_each_has_its_own_environment_and_all_the_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WHO", "a")
    code = "import os; print(os.getcwd(), os.environ.get('WHO'))"
    own = [{"WHO": None}, {"WHO": "b"}]
    ended = run(python(code), python(code), cwd=tmp_path, environments=own)
    assert sorted(ended.lines) == [f"{tmp_path.resolve()} {who}" for who in (None, "b")]
    assert capsys.readouterr().out == "", "nothing is shown"


def test_addresses_are_seen():
    code = """
        import socket, time
        server = socket.create_server(("127.0.0.1", 0))
        time.sleep(3)
    """
    ended = run(python(code))
    assert ended.listening == ("127.0.0.1",)
    assert launch.only_local(ended.listening)


def test_only_local():
    assert launch.only_local(["127.0.0.1", "127.1.2.3", "::1"])
    assert not launch.only_local(["127.0.0.1", "0.0.0.0"])
    assert not launch.only_local(["::"])
    assert not launch.only_local(["192.0.2.1"])


def test_a_free_port_can_be_used():
    socket.create_server(("127.0.0.1", launch.free_ports(1)[0])).close()
    assert len(set(launch.free_ports(50))) == 50


def test_the_loopback_interface_has_the_address():
    import psutil

    addresses = [each.address for each in psutil.net_if_addrs()[launch.loopback()]]
    assert "127.0.0.1" in addresses


def test_a_program_that_is_not_there():
    with pytest.raises(OSError, match="nowhere"):
        run(python("import time; time.sleep(90)"), ["nowhere-to-be-found"])
