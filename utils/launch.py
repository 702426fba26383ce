"""Starting other programs so that none hangs for ever and none is left behind.

Each program is a list of arguments, never a line for a shell. Works on Linux, macOS and Windows.
"""

import ipaddress
import os
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

MARK = "TWO_RINGS_RUN"  # in the environment of every process of a run, whoever started it
LOOK = 0.2  # seconds between two looks at the processes


@dataclass(frozen=True)
class Ended:
    """What became of a run.

    codes : the exit status of each program, None for one that had to be killed.
    seconds, timed_out : how long it took, and whether the time limit was reached.
    lines, log : what the programs wrote to standard output, by lines, and to standard error.
    listening : the addresses at which a process of the run was seen to accept connections.
    mark : what `survivors` knows the processes of this run by.
    """

    codes: tuple[int | None, ...]
    seconds: float
    timed_out: bool
    lines: tuple[str, ...]
    log: str
    listening: tuple[str, ...]
    mark: str

    @property
    def ok(self) -> bool:
        """Whether every program ended by itself and with status 0."""
        return all(code == 0 for code in self.codes)

    @property
    def output(self) -> str:
        """What the programs wrote to standard output, as one text."""
        return "\n".join(self.lines)

    @property
    def message(self) -> str:
        """One line that says how the run ended, with the last word of the programs."""
        if self.ok:
            return "all ended well"
        last = f"; its last line: {self.lines[-1]}" if self.lines else ""
        if self.timed_out:
            return f"stopped at the time limit, everything it had started was ended{last}"
        return f"ended with exit status {next(filter(None, self.codes))}{last}"


def run(
    programs: Sequence[Sequence[str | Path]],
    *,
    limit: float,
    environments: Sequence[Mapping[str, str | None]] | None = None,
    cwd: str | Path | None = None,
    show: Callable[[str], object] | None = print,
) -> Ended:
    """Run programs side by side, show what they print, and leave nothing of them behind.

    When one fails, the others are ended: they would wait for it in vain. Whatever the programs
    have started in turn is ended too, also at the time limit and when this call is interrupted.

    programs : for each a list of arguments, the first of which is the program.
    limit : seconds after which everything is ended.
    environments : for each program the variables to add to this process's; None removes one.
    cwd : the folder to run in; that of this process if not given.
    show : takes each line of standard output as it comes; None shows nothing.
    OSError if a program cannot be started.
    """
    mark, begin = uuid.uuid4().hex, time.monotonic()
    started, readers, lines, log = [], [], [], []
    shown, addresses, timed_out = 0, set(), False

    def show_new() -> None:
        nonlocal shown
        for line in lines[shown:]:
            shown += 1
            if show:
                show(line)

    try:
        for program, extra in zip(programs, environments or [{}] * len(programs), strict=True):
            started.append(_start(program, {**extra, MARK: mark}, cwd))
            for stream, keep in ((started[-1].stdout, lines), (started[-1].stderr, log)):
                readers.append(threading.Thread(target=_read, args=(stream, keep), daemon=True))
                readers[-1].start()
        over = False
        while not over and not timed_out:
            time.sleep(LOOK)
            show_new()
            addresses |= _listening(started)
            codes = tuple(process.poll() for process in started)
            over = None not in codes or any(codes)
            timed_out = not over and time.monotonic() - begin > limit
    finally:
        _end(mark, started)
        for reader in readers:
            reader.join(timeout=10)
    show_new()
    seconds, listening = time.monotonic() - begin, tuple(sorted(addresses))
    return Ended(codes, seconds, timed_out, tuple(lines), "\n".join(log), listening, mark)


def survivors(mark: str) -> list[int]:
    """Return the process numbers of what is left of a run, whoever its parent is by now."""
    return [process.pid for process in _marked(mark)]


def free_ports(count: int) -> list[int]:
    """Return the numbers of so many different ports at which nothing listens on 127.0.0.1."""
    with ExitStack() as open_sockets:
        probes = [open_sockets.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def only_local(addresses: Iterable[str]) -> bool:
    """Say whether all of these addresses can be reached from this machine only."""
    return all(ipaddress.ip_address(each.partition("%")[0]).is_loopback for each in addresses)


def loopback() -> str:
    """Return the name of the network interface that never leaves this machine."""
    for name, addresses in psutil.net_if_addrs().items():
        if any(each.address == "127.0.0.1" for each in addresses):
            return name
    raise OSError("no interface has the address 127.0.0.1; is the network set up at all?")


def _start(
    program: Sequence[str | Path], extra: Mapping[str, str | None], cwd: str | Path | None
) -> subprocess.Popen[str]:
    plain = {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", "PYTHON_COLORS": "0"}
    environment = {**os.environ, **plain, **extra}
    return subprocess.Popen(
        program,
        cwd=cwd,
        env={name: value for name, value in environment.items() if value is not None},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )


def _read(stream: IO[str], keep: list[str]) -> None:
    with stream:
        for line in stream:
            keep.append(line.rstrip("\n"))


def _marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == mark:
                found.append(process)
    return found


def _tree(started: Sequence[subprocess.Popen[str]]) -> list[psutil.Process]:
    found = []
    for each in started:
        with suppress(psutil.Error):
            process = psutil.Process(each.pid)
            found += [process, *process.children(recursive=True)]
    return found


def _listening(started: Sequence[subprocess.Popen[str]]) -> set[str]:
    """Return the addresses at which the processes accept connections at this moment."""
    found = set()
    for process in _tree(started):
        with suppress(psutil.Error, OSError):
            connections = process.net_connections("inet")
            found |= {each.laddr.ip for each in connections if each.status == psutil.CONN_LISTEN}
    return found


def _end(mark: str, started: Sequence[subprocess.Popen[str]]) -> None:
    """End every process of the run: the tree below it, and by the mark what has left the tree."""
    for _ in range(10):  # one that is just being started may be missed the first time
        left = [*_tree(started), *_marked(mark)]
        for process in left:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=2)
        for each in started:
            each.poll()  # takes note of its end, so that no zombie stays
        if not _marked(mark):
            return
