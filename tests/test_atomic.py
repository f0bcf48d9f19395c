import os
import subprocess
import sys
from pathlib import Path

import pytest

from spacy_genre import atomic
from spacy_genre.atomic import atomic_folder, clean_up_folder

# Fills a folder, and is killed at one of its renames.
KILLED = """
import os, signal, sys
from pathlib import Path
from spacy_genre.atomic import atomic_folder

number, rename = int(sys.argv[2]), Path.rename

def renamed(self, target):
    global number
    if number == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    number -= 1
    return rename(self, target)

Path.rename = renamed
with atomic_folder(Path(sys.argv[1])) as folder:
    (folder / "file").write_text("new")
"""


def fill(path, content):
    with atomic_folder(path) as folder:
        (folder / "file").write_text(content)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_is_replaced_atomically(tmp_path):
    path = tmp_path / "out"
    with pytest.raises(KeyError), atomic_folder(path):
        raise KeyError
    assert names(tmp_path) == []
    fill(path, "old")
    with pytest.raises(KeyError), atomic_folder(path) as folder:
        raise KeyError((folder / "file").write_text("new"))
    assert (path / "file").read_text() == "old"
    fill(path, "new")
    assert (path / "file").read_text() == "new"
    assert names(tmp_path) == ["out"]


def test_a_failed_replacement_keeps_the_old_folder(tmp_path, monkeypatch):
    path = tmp_path / "out"
    fill(path, "old")
    rename = Path.rename

    def renamed(self, target):
        if self.name.endswith(".new"):
            raise OSError("the disk is gone")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", renamed)
    with pytest.raises(OSError, match="the disk is gone"):
        fill(path, "new")
    assert names(tmp_path) == ["out"]
    assert (path / "file").read_text() == "old"


@pytest.mark.parametrize(("killed_at", "content"), [(0, "old"), (1, "old"), (2, "new")])
def test_clean_up_after_a_kill(tmp_path, killed_at, content):
    path = tmp_path / "out"
    fill(path, "old")
    ended = subprocess.run([sys.executable, "-c", KILLED, str(path), str(killed_at)])
    assert ended.returncode == -9
    assert path.exists() == (killed_at != 1)
    clean_up_folder(path)
    assert names(tmp_path) == ["out"]
    assert (path / "file").read_text() == content


def test_the_next_call_cleans_up(tmp_path):
    path = tmp_path / "out"
    for name in (".out.abcd_123.new", ".out.abcd_123.old", ".out.zzzzzzzz.new"):
        (tmp_path / name).mkdir()
    (tmp_path / ".out.abcd_123.old" / "file").write_text("old")
    with pytest.raises(KeyError), atomic_folder(path):
        raise KeyError
    assert names(tmp_path) == ["out"]
    assert (path / "file").read_text() == "old"


def test_other_folders_are_not_removed(tmp_path):
    others = [
        ".out.original", ".out.original.old2", ".out.unfinished", ".out.abcd_123",
        ".out.ABCD_123.new", ".out-2.abcd_123.new", ".out.2.abcd_123.old",
        ".o-t.abcd_123.new", "out.abcd_123.old",
    ]  # fmt: skip
    for name in others:
        (tmp_path / name).mkdir()
    (tmp_path / ".out.abcd_123.new").write_text("a file")
    clean_up_folder(tmp_path / "out")
    clean_up_folder(tmp_path / "o.t")
    assert names(tmp_path) == sorted([*others, ".out.abcd_123.new"])
    clean_up_folder(tmp_path / "missing" / "out")
    assert not (tmp_path / "missing").exists()


def test_a_symbolic_link_is_kept(tmp_path):
    (tmp_path / "disk" / "best").mkdir(parents=True)
    (tmp_path / "best").symlink_to(tmp_path / "disk" / "best")
    with atomic_folder(tmp_path / "best") as folder:
        (folder / "new").touch()
    assert (tmp_path / "best").is_symlink()
    assert [path.name for path in (tmp_path / "disk" / "best").iterdir()] == ["new"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best", "disk"]


# Fills a folder many times, together with other processes.
SAVER = """
import sys
from pathlib import Path
from spacy_genre.atomic import atomic_folder, write_atomically

path, content = Path(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
input()
for i in range(100):
    with atomic_folder(path) as folder:
        for name in "ab":
            (folder / name).write_text(f"{content} {i}")
    write_atomically(path.with_name("file"), f"{content} {i}".encode())
"""


def test_several_savers_of_one_folder(tmp_path):
    """All succeed, and the last one wins."""
    path = tmp_path / "out"
    savers = [
        subprocess.Popen(
            [sys.executable, "-c", SAVER, str(path), content],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for content in ("one", "two")
    ]  # fmt: skip
    for saver in savers:
        assert saver.stdout.readline() == "ready\n"
    for saver in savers:
        saver.stdin.write("\n")
        saver.stdin.flush()
    for saver in savers:
        _, errors = saver.communicate()
        assert saver.returncode == 0, errors
    assert names(tmp_path) == ["file", "out"]
    a, b = ((path / name).read_text() for name in "ab")
    assert a == b
    assert a in ("one 99", "two 99")
    assert (tmp_path / "file").read_text() in ("one 99", "two 99")


def test_a_saver_keeps_the_temporary_folder_of_another(tmp_path):
    path = tmp_path / "out"
    with atomic_folder(path) as first:
        (first / "file").write_text("first")
        fill(path, "second")
        clean_up_folder(path)
        assert (path / "file").read_text() == "second"
    assert (path / "file").read_text() == "first"  # it ended last
    assert names(tmp_path) == ["out"]


def test_where_folders_cannot_be_locked_old_temporary_folders_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic, "fcntl", None)
    path = tmp_path / "out"
    with atomic_folder(path) as first:
        (first / "file").write_text("first")
        fill(path, "second")
        (tmp_path / ".out.abcd_123.new").mkdir()
        os.utime(tmp_path / ".out.abcd_123.new", (0, 0))
        clean_up_folder(path)
        assert names(tmp_path) == [first.name, "out"]
    assert (path / "file").read_text() == "first"
