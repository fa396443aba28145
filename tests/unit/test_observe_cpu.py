"""CPU time of process trees."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.observe.cpu import LINUX, PortableProcesses, Stat, here, machine, throttled_s, tree

BURN = "import time\nwhile time.process_time() < 0.3: pass"


class Pretended:
    """Processes that exist on paper: pid -> stat, pid -> children."""

    def __init__(self, stats: dict[int, Stat], children: dict[int, list[int]]) -> None:
        self.stats, self.family, self.reaps = stats, children, 0

    def stat(self, pid: int) -> Stat | None:
        found = self.stats.get(pid)
        if found and pid == 1 and self.reaps:
            self.reaps -= 1
            self.stats[1] = Stat(0, 1.0, found.reaped_s + 10.0, 0.0, 100)
        return found

    def children(self, pid: int) -> list[int]:
        return self.family.get(pid, [])


def family() -> Pretended:
    one = Stat(0, 1.0, 0.5, 0.0, 100)
    return Pretended({1: one, 2: one, 3: one, 4: one}, {1: [2, 3], 3: [4]})


def test_a_tree_counts_every_descendant_and_what_was_reaped() -> None:
    usage = tree(family(), 1)
    assert usage and (usage.cpu_s, usage.rss_bytes) == (6.0, 400)


def test_a_postmaster_counts_its_children_only_and_not_the_observers_backend() -> None:
    usage = tree(family(), 1, deep=False, without=2)
    assert usage and (usage.cpu_s, usage.rss_bytes) == (3.0, 200)


def test_a_child_that_ends_while_we_add_makes_us_add_again() -> None:
    processes = family()
    processes.reaps = 1
    usage = tree(processes, 1)
    assert usage and usage.cpu_s == 1.0 + 10.5 + 3 * 1.5


def test_a_process_that_is_gone_has_no_usage() -> None:
    assert tree(family(), 99) is None


@pytest.mark.skipif(not LINUX, reason="only Linux keeps the time of processes that have ended")
def test_the_time_of_a_child_that_has_ended_is_counted() -> None:
    before = tree(here(), os.getpid())
    subprocess.run([sys.executable, "-c", BURN], check=True)
    after = tree(here(), os.getpid())
    assert before and after and after.cpu_s - before.cpu_s >= 0.28


def test_the_portable_answer_agrees_about_a_live_process() -> None:
    mine, portable = here().stat(os.getpid()), PortableProcesses().stat(os.getpid())
    assert mine and portable and mine.parent == portable.parent == os.getppid()
    assert portable.own_s - mine.own_s < 1.0 and portable.rss_bytes > 0


def test_a_live_child_is_seen_by_both() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in here().children(os.getpid())
        assert child.pid in PortableProcesses().children(os.getpid())


def test_the_machine_has_been_busy() -> None:
    assert (machine().busy_s or 0) > 0


@pytest.mark.parametrize(
    ("line", "folder", "text"),
    [
        ("0::/box/inner", "box", "usage_usec 9\nthrottled_usec 2500000\n"),
        ("4:cpu,cpuacct:/box", "cpu,cpuacct/box", "nr_throttled 1\nthrottled_time 2500000000\n"),
    ],
)
def test_throttling_is_read_from_the_control_group_or_one_above(
    tmp_path: Path, line: str, folder: str, text: str
) -> None:
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "cpu.stat").write_text(text)
    (tmp_path / "cgroup").write_text(f"9:memory:/other\n{line}\n")
    assert throttled_s(tmp_path / "cgroup", tmp_path) == 2.5


def test_throttling_is_unknown_where_nothing_tells(tmp_path: Path) -> None:
    (tmp_path / "cgroup").write_text("0::/\n")
    assert throttled_s(tmp_path / "cgroup", tmp_path) is None
    assert throttled_s(tmp_path / "missing", tmp_path) is None
