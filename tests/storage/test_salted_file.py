"""What ledger and journal share: a file with a salt in its head, to which whole lines are appended."""

from __future__ import annotations

import errno
from pathlib import Path
from threading import Barrier, Lock, Thread

import pytest

from bot.errors import LedgerUnavailable
from bot.storage import salted_file
from bot.storage.salted_file import SaltedFile, new_salt


def opened(tmp_path, salt=""):
    return SaltedFile(tmp_path / "file", "magic-1", LedgerUnavailable, salt)


def test_a_file_that_is_made_takes_the_salt_that_is_given(tmp_path):
    salt = new_salt()
    assert opened(tmp_path, salt).salt == salt


def test_of_a_file_that_cannot_be_made_nothing_is_left(tmp_path, monkeypatch):
    def no_space(_path, _head):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(Path, "write_text", no_space)
        with pytest.raises(LedgerUnavailable, match="No space left"):
            opened(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_keeps_its_salt(tmp_path):
    kept = opened(tmp_path).salt
    assert opened(tmp_path, new_salt()).salt == kept


def test_a_line_is_read_once_and_only_when_it_is_whole(tmp_path):
    file = opened(tmp_path)
    file.append(["one", "two"])
    with (tmp_path / "file").open("a") as other:
        other.write("thr")
    first = list(file.new_lines())
    with (tmp_path / "file").open("a") as other:
        other.write("ee\n")
    assert (first, list(file.new_lines()), list(file.new_lines())) == (["one", "two"], ["three"], [])


def test_each_line_is_read_by_one_of_many_threads(tmp_path):
    file, read, barrier = opened(tmp_path), [], Barrier(4)
    expected = [f"line {number}" for number in range(5000)]

    def read_on():
        barrier.wait()
        read.extend(file.new_lines())

    for first in range(0, 5000, 1000):
        opened(tmp_path).append(expected[first : first + 1000])
        threads = [Thread(target=read_on) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert (sorted(read), file.new_lines()) == (sorted(expected), [])


def test_whoever_waited_for_another_thread_reads_only_what_is_new_since(tmp_path):
    file, read = opened(tmp_path), []

    class Busy:
        """Another thread has the lock, and reads what was appended since this one looked at the size."""

        def __enter__(self):
            file._lock = Lock()
            file.append(["two"])
            file.read_on(read.append)

        def __exit__(self, *_):
            pass

    file.append(["one"])
    file._lock = Busy()
    file.read_on(read.append)
    assert b"".join(read) == b"one\ntwo\n"


def test_lines_are_read_in_blocks_of_whole_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(salted_file, "BLOCK", 100)
    file, further = opened(tmp_path), new_salt()
    lines = ["x" * length for length in range(1, 300, 7)]
    file.append([*lines, f"+ {further}"])

    assert ([*file.new_lines()], file.salts[1:]) == (lines, [further])


@pytest.mark.parametrize("head", ["", "magic-1\n", "magic-1 zz\n", f"magic-2 {'0' * 64}\n", "\xff\xfe\n"])
def test_a_file_with_another_head_is_named_and_left_alone(tmp_path, head):
    (tmp_path / "file").write_bytes(head.encode("latin-1"))
    with pytest.raises(LedgerUnavailable, match="move it away"):
        opened(tmp_path)
    assert (tmp_path / "file").read_bytes() == head.encode("latin-1")
