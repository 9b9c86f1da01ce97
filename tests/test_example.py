"""The script that makes the example tree: its bytes never change, and it touches no folder but its own."""

import gzip
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "examples/make_tree.py"

# Of every relative path and its bytes. It changes with every change of the tree, and with nothing else.
SHA256 = "2aa18796012eea28440639bd41c90ab63ae3e2358087e4cd8171b4f59702bb85"


def make_tree(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, folder], capture_output=True, text=True, check=False)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def digest(folder: Path) -> str:
    total = hashlib.sha256()
    for path, content in sorted(contents(folder).items()):
        total.update(path.encode() + b"\0" + content)
    return total.hexdigest()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    made = make_tree(tmp_path / "tree")
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    return tmp_path / "tree"


def test_its_bytes_are_the_same_every_time(tree: Path) -> None:
    assert digest(tree) == SHA256


def test_it_is_small(tree: Path) -> None:
    assert sum(map(len, contents(tree).values())) < 300_000


def test_every_file_but_one_gunzips_to_a_log_or_a_digest(tree: Path) -> None:
    tops, truncated = [], []
    for path, content in contents(tree).items():
        try:
            tops.append(next(iter(json.loads(gzip.decompress(content)))))
        except EOFError:
            truncated.append(path)
    assert (tops.count("Records"), tops.count("awsAccountId"), len(tops)) == (77, 1, 78)
    assert [Path(path).parent.as_posix() for path in truncated] == [
        "AWSLogs/o-exampleorg/444455556666/CloudTrail/eu-west-1/2026/03/09"
    ]


def test_it_has_the_three_layouts(tree: Path) -> None:
    assert {path.partition("/CloudTrail/")[0] for path in contents(tree) if "/CloudTrail/" in path} == {
        "AWSLogs/111122223333",
        "AWSLogs/o-exampleorg/444455556666",
        "o-exampleorg/AWSLogs/o-exampleorg/123456789012",
    }


def test_it_replaces_a_tree_of_its_own(tree: Path) -> None:
    files = list(contents(tree))
    # An older tree: a file that is none any more, one that is not there yet, one with other bytes.
    (tree / files[0]).rename(tree / "AWSLogs/111122223333_CloudTrail_Example_old.json.gz")
    (tree / files[1]).write_bytes(b"old")
    assert make_tree(tree).returncode == 0
    assert digest(tree) == SHA256


def test_it_fills_an_empty_folder(tmp_path: Path) -> None:
    assert make_tree(tmp_path).returncode == 0
    assert digest(tmp_path) == SHA256


@pytest.mark.parametrize("name", ["notes.txt", "AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/09/mine.json.gz"])
def test_it_refuses_a_folder_that_holds_something_else(tree: Path, name: str) -> None:
    (tree / name).parent.mkdir(parents=True, exist_ok=True)
    (tree / name).write_bytes(b"mine")
    before = contents(tree)
    refused = make_tree(tree)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (f"make_tree.py: {tree} holds {name}, which this script did not make. Give a new or empty folder\n")
    assert contents(tree) == before


def test_it_refuses_a_tree_with_a_link_in_it(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tree / "AWSLogs/link").symlink_to(tmp_path / "elsewhere")
    refused = make_tree(tree)
    assert (refused.returncode, "holds AWSLogs/link, which" in refused.stderr) == (2, True)
    assert (tmp_path / "elsewhere").exists()


def test_it_refuses_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    refused = make_tree(tmp_path / "file")
    assert (refused.returncode, refused.stderr) == (
        2,
        f"make_tree.py: {tmp_path}/file is not a folder. Give a new or empty folder\n",
    )
    assert (tmp_path / "file").read_bytes() == b"mine"


def test_it_says_in_one_line_what_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    stopped = make_tree(tmp_path / "file/tree")
    assert stopped.returncode == 1
    assert stopped.stderr.startswith(f"make_tree.py: cannot write the example tree to {tmp_path}/file/tree: ")
    assert stopped.stderr.count("\n") == 1
