"""Starting other programs so that none hangs for ever and none is left behind.

Each program is a list of arguments, never a line for a shell. Works on Linux, macOS and Windows.
"""

import ipaddress
import os
import queue
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import IO

import psutil

MARK = "TWO_RINGS_RUN"  # in the environment of every process of a run, whoever started it
LOOK = 0.2  # seconds between two looks at the processes


@dataclass(frozen=True)
class Ended:
    """What became of a run.

    Attributes
    ----------
    codes : tuple of int or None
        The exit status of each program, None for one that had to be killed.
    seconds : float
    timed_out : bool
        Whether the time limit was reached.
    lines : tuple of str
        What the programs wrote to standard output.
    log : str
        What they wrote to standard error.
    listening : tuple of str
        The addresses at which any process of the run was seen to accept connections.
    mark : str
        What `survivors` knows the processes of this run by.
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
    def message(self) -> str:
        """One line that says how the run ended, with the last word of the programs."""
        if self.ok:
            return "all ended well"
        last = f"; its last line: {self.lines[-1]}" if self.lines else ""
        if self.timed_out:
            return f"stopped at the time limit, everything it had started was ended{last}"
        return f"ended with exit status {next(filter(None, self.codes))}{last}"


def run(
    programs: Sequence[Sequence[str]],
    *,
    limit: float,
    environments: Sequence[Mapping[str, str]] | None = None,
    show: Callable[[str], None] = print,
) -> Ended:
    """Run programs side by side, show what they print, and leave nothing of them behind.

    When one fails, the others are ended: they would wait for it in vain. Whatever the programs
    have started in turn is ended too, also at the time limit and when this call is interrupted.

    Parameters
    ----------
    programs : sequence of lists of arguments
        The first argument of each is the program.
    limit : float
        Seconds after which everything is ended.
    environments : sequence of mappings, optional
        For each program the variables to add to those of this process.
    show : callable, optional
        Takes each line of standard output as it comes; `print` if not given.

    Returns
    -------
    Ended

    Raises
    ------
    ValueError
        If there is nothing to run, a program is not a list of texts, `limit` is not above 0, or
        the environments do not match the programs.
    OSError
        If a program cannot be started.
    """
    environments = [{}] * len(programs) if environments is None else environments
    _check(programs, limit, environments)
    mark, start = uuid.uuid4().hex, time.monotonic()
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    said, log, addresses = [], [], set()
    started: list[subprocess.Popen[str]] = []
    readers: list[threading.Thread] = []
    timed_out = False
    try:
        for program, extra in zip(programs, environments, strict=True):
            started.append(_start(program, {**os.environ, **extra, MARK: mark}))
            readers += [
                _reader(started[-1].stdout, lines.put),
                _reader(started[-1].stderr, log.append),
            ]
        while not timed_out and not _over(started):
            _pass_on(lines, said, show, LOOK)
            addresses |= _listening(started)
            timed_out = time.monotonic() - start > limit
        codes = tuple(process.poll() for process in started)
    finally:
        _end(mark, started)
        for reader in readers:
            reader.join(timeout=10)
    _pass_on(lines, said, show, 0)
    seconds = time.monotonic() - start
    return Ended(
        codes, seconds, timed_out, tuple(said), "".join(log), tuple(sorted(addresses)), mark
    )


def survivors(mark: str) -> list[int]:
    """Return the process numbers of what is left of a run, whoever its parent is by now."""
    return [process.pid for process in _marked(mark)]


def free_port() -> int:
    """Return the number of a port at which nothing listens on 127.0.0.1."""
    return free_ports(1)[0]


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


def _check(
    programs: Sequence[Sequence[str]], limit: float, environments: Sequence[Mapping[str, str]]
) -> None:
    if not programs:
        raise ValueError("programs is empty, allowed is at least one list of arguments")
    for program in programs:
        if isinstance(program, str) or not program or {type(each) for each in program} != {str}:
            raise ValueError(
                f"a program is {program!r}, allowed is a list of texts such as "
                "[sys.executable, 'script.py']"
            )
    if not limit > 0:
        raise ValueError(f"limit is {limit!r}, allowed are seconds above 0")
    if len(environments) != len(programs):
        raise ValueError(
            f"{len(environments)} environments for {len(programs)} programs; allowed is one each"
        )


def _start(program: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        program,
        env={**environment, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )


def _reader(stream: IO[str], take: Callable[[str], None]) -> threading.Thread:
    def read() -> None:
        with stream:
            for line in stream:
                take(line)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread


def _over(started: Sequence[subprocess.Popen[str]]) -> bool:
    """Whether all have ended, or one has failed."""
    codes = [process.poll() for process in started]
    return None not in codes or any(codes)


def _pass_on(
    lines: "queue.SimpleQueue[str]", said: list[str], show: Callable[[str], None], wait: float
) -> None:
    """Show what has come, waiting at most `wait` seconds for the first line."""
    end = time.monotonic() + wait
    while True:
        try:
            line = lines.get(timeout=max(end - time.monotonic(), 0.0) or 0.001)
        except queue.Empty:
            return
        said.append(line.rstrip("\r\n"))
        show(said[-1])
        if time.monotonic() > end and wait:
            return


def _marked(mark: str) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if _belongs(process, mark)]


def _belongs(process: psutil.Process, mark: str) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == mark
    except (psutil.Error, OSError):
        return False


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
    print(f"still running: {survivors(mark)}", file=sys.stderr)
