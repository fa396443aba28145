"""Sizing is arithmetic with known answers; each figure says what it stands on."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lab.analyse.sizing import Figure, Service, figures, from_run
from lab.cli.main import run as lab
from lab.errors import UsageError
from lab.plan import PoolConfig
from tests.stored import steady

METER = {"checkouts": 2000, "wait_s": 1.0, "hold_s": 10.0, "connects": 5}


def by_id(service: Service) -> dict[str, Figure]:
    return {figure.id: figure for figure in figures(service)}


def test_four_workers_with_a_hundred_each_do_not_fit_into_a_hundred() -> None:
    found = by_id(Service(workers=4, size=100, overflow=0, max_connections=100))
    assert (found["ceiling"].value, found["slots"].value, found["most"].value) == (400, 97, 24)
    assert "refused" in found["ceiling"].warning


def test_the_rule_of_the_tutorials() -> None:
    # (200 - 20) / 4 = 45: size 40 + overflow 5
    found = by_id(Service(workers=4, size=40, overflow=5, max_connections=200, reserved=3, others=17))
    assert (found["ceiling"].value, found["most"].value, found["ceiling"].warning) == (180, 45, "")


def test_a_rolling_deploy_counts_twice_and_each_engine_once() -> None:
    service = Service(workers=2, engines=2, copies=3, size=5, overflow=0)
    assert by_id(service)["ceiling"].value == 60
    assert by_id(replace(service, deploying=True))["ceiling"].value == 120


def test_with_the_defaults_the_55th_request_in_flight_is_one_too_many() -> None:
    assert by_id(Service())["in-flight"].value == 54


def test_littles_law_both_ways() -> None:
    found = by_id(Service(size=2, overflow=0, rate_per_s=300, hold_ms=10))
    assert found["little"].value == pytest.approx(3.0)
    assert found["rate-limit"].value == pytest.approx(200)
    assert "size + overflow is 2" in found["little"].warning


def test_two_connections_for_each_request_need_one_more_than_the_threads() -> None:
    found = by_id(Service(threads=10, size=10, overflow=0, per_request=2))
    assert found["locking"].value == 11
    assert found["locking"].warning
    assert not by_id(Service(threads=10, size=11, overflow=0, per_request=2))["locking"].warning


def test_the_rule_of_the_wiki() -> None:
    assert by_id(Service(cores=4, spindles=1))["rule"].value == 9
    assert "rule" not in by_id(Service())


def test_every_figure_says_what_it_stands_on() -> None:
    everything = Service(per_request=2, rate_per_s=10, hold_ms=5, cores=2)
    for figure in figures(everything):
        assert figure.how
        assert figure.assumes
    assert len({figure.id for figure in figures(everything)}) == len(figures(everything))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"workers": 0}, "workers is 0"),
        ({"reserved": 100}, "leaves 0"),
        ({"size": 0, "overflow": 0}, "size . overflow"),
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, int], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        replace(Service(), **change).checked()


def test_a_run_tells_pool_rate_and_hold(tmp_path: Path) -> None:
    pool = PoolConfig(size=4, overflow=1)
    environment = {"host": {"system": "Linux", "cores": 2, "machine_cores": 2}}
    run = steady(pool=pool, pool_counters={"workers": [{"meter": METER}]}, environment=environment).write(tmp_path)
    service, measured = from_run(run, Service())
    assert (service.size, service.overflow, service.cores) == (4, 1, 2)
    assert service.hold_ms == pytest.approx(5.0)
    assert service.rate_per_s == pytest.approx(400)  # in 1 + 4 s
    found = {figure.id: figure.value for figure in measured}
    assert found["measured-busy"] == pytest.approx(2.0)
    assert found["measured-busy"] == pytest.approx(by_id(service)["little"].value)
    assert found["measured-wait"] == pytest.approx(0.5)


def test_a_run_without_a_pool_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'null', which has no size"):
        from_run(steady().write(tmp_path), Service())


def test_without_a_run_the_newest_of_a_queue_tells_what_was_measured_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    assert lab(["sizing", "--workers", "4", "--json"]) == 0
    nothing = json.loads(capsys.readouterr().out)
    assert "nothing yet" in nothing["notes"][0]
    environment = {"host": {"system": "Linux", "cores": 2, "machine_cores": 2}}
    pool = PoolConfig(size=4, overflow=1)
    steady(pool=pool, pool_counters={"workers": [{"meter": METER}]}, environment=environment).write(
        tmp_path / "runs" / "20261122-queue"
    )
    assert lab(["sizing", "--workers", "4", "--rate", "100", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["service"]["workers"] == 4
    assert (found["service"]["rate_per_s"], found["service"]["hold_ms"]) == (100, pytest.approx(5.0))
    ids = {figure["id"] for figure in found["figures"]}
    assert {"ceiling", "in-flight", "little", "locking", "rule", "measured-busy"} <= ids
    assert "1 workers, pool 4+1; --hold-ms 5 are of it" in found["notes"][0]
    run = str(tmp_path / "runs" / "20261122-queue")
    named = next(
        str(folder) for folder in [*Path(run).glob("*/manifest.json"), Path(run) / "manifest.json"] if folder.exists()
    )
    assert lab(["sizing", "--workers", "3", "--run", str(Path(named).parent), "--json"]) == 0
    service = json.loads(capsys.readouterr().out)["service"]
    assert (service["workers"], service["size"]) == (3, 4)


def test_the_command_prints_text_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert lab(["sizing", "--workers", "4", "--max-connections", "200", "--cores", "2"]) == 0
    text = capsys.readouterr().out
    assert "197 / 4 pools" in text
    assert lab(["sizing", "--json", "--workers", "4"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["service"]["workers"] == 4
    assert {figure["id"] for figure in document["figures"]} >= {"ceiling", "most", "in-flight"}
    assert lab(["sizing", "--workers", "0"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
