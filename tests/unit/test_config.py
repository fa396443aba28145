"""Settings: one table, and a wrong name or value is refused by name."""

from pathlib import Path

import pytest

from lab import config
from lab.errors import SettingError


def test_an_unknown_setting_is_refused_with_the_nearest_known() -> None:
    with pytest.raises(SettingError, match="LAB_HOEM is no setting of the lab; did you mean LAB_HOME"):
        config.read({"LAB_HOEM": "/tmp"})


@pytest.mark.parametrize(
    ("name", "value"), [("LAB_PORT", "70000"), ("LAB_PORT", "any"), ("LAB_PORT", "80"), ("LAB_SIZE", "huge")]
)
def test_a_value_out_of_range_is_refused(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"{name}='{value}'"):
        config.read({name: value})


def test_other_programs_variables_are_none_of_the_labs_business() -> None:
    assert config.read({"LABEL": "x", "PATH": "/bin"}).port == 0


def test_the_home_is_beside_the_project_whatever_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert config.read({}).home == config.PROJECT / ".lab"


def test_a_relative_home_is_taken_from_the_folder_of_the_call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert config.read({"LAB_HOME": "here"}).home == tmp_path / "here"


@pytest.mark.parametrize("setting", config.TABLE, ids=lambda setting: setting.name)
def test_every_setting_stands_in_the_reference(setting: config.Setting) -> None:
    reference = (config.PROJECT / "docs" / "reference.md").read_text()
    assert f"`{setting.name}`" in reference
