"""``make env``: passwords are made once, for their owner alone, and never shown."""

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab.compose import env


def values(folder: Path) -> dict[str, str]:
    pairs = (line.split("=", 1) for line in (folder / ".env").read_text().splitlines() if "=" in line)
    return {name: value for name, value in pairs if not name.startswith("#")}


def mode(folder: Path) -> int:
    return stat.S_IMODE((folder / ".env").stat().st_mode)


def test_a_new_file_has_every_password_and_is_its_owners_alone(tmp_path: Path) -> None:
    said = env.write(tmp_path)
    made = values(tmp_path)
    assert tuple(made) == env.NAMES
    assert len(set(made.values())) == len(env.NAMES)
    assert all(len(value) >= 32 for value in made.values())
    assert mode(tmp_path) == 0o600
    assert not any(value in said for value in made.values())
    assert "\n" not in said


def test_the_file_is_private_from_its_first_moment_whatever_the_umask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    opened = os.open

    def watched(path: object, flags: int, *rest: int) -> int:
        handle = opened(path, flags, *rest)  # type: ignore[arg-type]
        if flags & os.O_CREAT:
            seen.append(stat.S_IMODE(os.fstat(handle).st_mode))
        return handle

    monkeypatch.setattr(os, "open", watched)
    before = os.umask(0)
    try:
        env.write(tmp_path)
    finally:
        os.umask(before)
    assert seen == [0o600, 0o600]


def test_a_second_call_changes_nothing(tmp_path: Path) -> None:
    env.write(tmp_path)
    first = (tmp_path / ".env").read_bytes()
    assert "nothing changed" in env.write(tmp_path)
    assert (tmp_path / ".env").read_bytes() == first


def test_only_what_is_missing_or_empty_is_added(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        'VERSION=17\nLAB_APP_PASSWORD="mine"\n# LAB_OBSERVER_PASSWORD=no\nJUPYTER_TOKEN=\nPOSTGRES_CPUS=2'
    )
    said = env.write(tmp_path)
    lines = (tmp_path / ".env").read_text().splitlines()
    assert lines[:3] == ["VERSION=17", 'LAB_APP_PASSWORD="mine"', "# LAB_OBSERVER_PASSWORD=no"]
    assert lines[3].startswith("JUPYTER_TOKEN=") and len(lines[3]) > 40
    assert lines[4] == "POSTGRES_CPUS=2"
    assert "LAB_APP_PASSWORD" not in said and "JUPYTER_TOKEN" in said
    assert set(env.NAMES) <= set(values(tmp_path))


def test_the_last_of_two_lines_counts() -> None:
    text, missing = env.complete("LAB_APP_PASSWORD=\nLAB_APP_PASSWORD=b\nJUPYTER_TOKEN=a\nJUPYTER_TOKEN=\n")
    assert "LAB_APP_PASSWORD" not in missing and "JUPYTER_TOKEN" in missing
    assert "JUPYTER_TOKEN=a\n" in text and "JUPYTER_TOKEN=\n" not in text


def test_a_file_that_others_can_read_is_taken_from_them(tmp_path: Path) -> None:
    env.write(tmp_path)
    (tmp_path / ".env").chmod(0o644)
    first = (tmp_path / ".env").read_bytes()
    assert "0644" in env.write(tmp_path)
    assert mode(tmp_path) == 0o600
    assert (tmp_path / ".env").read_bytes() == first


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("")
    (tmp_path / ".env").symlink_to("kept")
    env.write(tmp_path)
    assert (tmp_path / ".env").is_symlink()
    assert "LAB_OWNER_PASSWORD" in (tmp_path / "kept").read_text()


def test_two_calls_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda _: env.write(tmp_path), range(4)))
    assert sum("made" in one for one in said) == 1
    assert len((tmp_path / ".env").read_text().splitlines()) == 1 + len(env.NAMES)


def test_no_half_written_file_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        env.write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".env"]
    monkeypatch.undo()
    env.write(tmp_path)
    assert set(values(tmp_path)) == set(env.NAMES)


def test_it_runs_with_nothing_installed_and_fails_in_one_line(tmp_path: Path) -> None:
    script = tmp_path / "lab" / "compose" / "env.py"
    script.parent.mkdir(parents=True)
    script.write_text(Path(env.__file__).read_text())
    command = [sys.executable, "-I", "-S", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 1 and not done.stderr
    assert not any(value in done.stdout for value in values(tmp_path).values())
    (tmp_path / ".env").unlink()
    (tmp_path / ".env").mkdir()
    failed = subprocess.run(command, capture_output=True, text=True)
    assert failed.returncode == 1
    assert failed.stderr.startswith("error: ") and failed.stderr.count("\n") == 1


def test_the_example_names_every_password_and_gives_none() -> None:
    example = Path(__file__).resolve().parents[2] / ".env.example"
    _, missing = env.complete(example.read_text())
    assert missing == list(env.NAMES)
    assert all(f"\n{name}=\n" in example.read_text() for name in env.NAMES)
