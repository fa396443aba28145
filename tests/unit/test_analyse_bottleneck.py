"""What limits, said of runs whose use of processors and pool is known."""

import numpy as np
import pytest

from lab.analyse import bottleneck
from lab.analyse.measured import measure
from lab.analyse.summary import summarise_run
from lab.plan import LoadPlan
from tests import stored

OPEN = LoadPlan(model="open", rate_per_s=100.0, executors=50, warmup_s=1.0, measured_s=4.0)
QUIET = {"generator": 20.0, "observer": 1.0, "lab": 1.0}


def said(tmp_path, service_ms=20.0, **changes):
    intended_s = np.arange(0, 5, 0.01)
    run = stored.Stored(intended_s, service_ms, load=OPEN, **changes).write(tmp_path)
    measured = measure(run)
    return bottleneck.limit(run, measured, summarise_run(run, measured))


@pytest.mark.parametrize(
    ("cpu_pct", "what"),
    [
        ({"machine": 190.0, "app": 60.0, "server": 110.0}, bottleneck.DATABASE_CPU),
        ({"machine": 190.0, "app": 110.0, "server": 60.0}, bottleneck.APP_CPU),
        ({"machine": 120.0, "app": 97.0, "server": 10.0}, bottleneck.APP_CPU),
        ({"machine": 195.0, "app": 40.0, "server": 20.0}, bottleneck.UNKNOWN),
        ({"machine": 60.0, "app": 20.0, "server": 10.0}, bottleneck.UNKNOWN),
    ],
    ids=["server", "app", "one process", "other programs", "nothing"],
)
def test_the_processor_that_is_short_is_named(tmp_path, cpu_pct, what):
    assert said(tmp_path, cpu_pct=QUIET | cpu_pct).what == what


def test_other_programs_are_named_as_what_keeps_it_from_being_told(tmp_path):
    found = said(tmp_path, cpu_pct=QUIET | {"machine": 195.0, "app": 4.0, "server": 2.0})
    assert found.what == bottleneck.UNKNOWN
    assert "94 % with others than the app and PostgreSQL" in found.evidence


def test_requests_that_are_not_sent_though_there_is_room_are_the_generators(tmp_path):
    found = said(tmp_path, queue_ms=200.0)
    assert found.what == bottleneck.GENERATOR
    assert "waited 200 of 220 ms before they were sent, with 2 of 50 in flight" in found.evidence


def test_requests_that_wait_because_all_that_may_be_are_in_flight_are_not(tmp_path):
    assert said(tmp_path, service_ms=480.0, queue_ms=600.0).what != bottleneck.GENERATOR
