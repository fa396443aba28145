"""Variants and load plans: read as written, and refused in one line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import UsageError, VariantError
from lab.plan import JOURNEYS, ROUTE_BY_NAME, LoadPlan, PoolConfig, Variant, journey

POOLS = st.builds(
    PoolConfig,
    kind=st.just("queue"),
    size=st.integers(1, 500),
    overflow=st.integers(-1, 500),
    timeout_s=st.integers(0, 999).map(float),
    recycle_s=st.integers(-1, 999).map(float),
    pre_ping=st.booleans(),
    use_lifo=st.booleans(),
    reset_on_return=st.sampled_from(["rollback", "commit", "none"]),
    echo_pool=st.booleans(),
)


@given(POOLS)
def test_a_pool_is_read_back_from_its_own_text(pool: PoolConfig) -> None:
    assert PoolConfig.parse(pool.spec) == pool


@given(st.text(max_size=40))
def test_any_text_is_a_variant_or_one_line(text: str) -> None:
    try:
        PoolConfig.parse(text)
    except VariantError as error:
        assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("pool", "connect, null, queue"),
        ("null:size=3", "null has no size; it has threads"),
        ("queue:sise=3", "size, overflow"),
        ("queue:size=many", "whole number"),
        ("queue:size=-1", "0 or more"),
        ("queue:size=0", "overflow=-1"),
        ("queue:pre_ping=yes", "true or false"),
        ("queue:timeout=nan", "seconds"),
        ("queue:timeout=-1", "timeout is 0 s or more"),
        ("queue:size=5,size=6", "size is given twice"),
        ("queue:", "'' is none of size"),
    ],
)
def test_a_wrong_variant_is_refused_with_what_is_allowed(text: str, names: str) -> None:
    with pytest.raises(VariantError, match=names):
        PoolConfig.parse(text)


def test_what_a_variant_leaves_out_comes_from_the_defaults() -> None:
    pool = PoolConfig.parse("queue:overflow=1", defaults={"size": 10, "overflow": 20})
    assert (pool.size, pool.overflow) == (10, 1)


def test_the_ceiling_counts_every_worker() -> None:
    assert PoolConfig.parse("queue:size=10,overflow=5", workers=4).ceiling == 60
    assert PoolConfig.parse("queue:overflow=-1").ceiling is None
    assert PoolConfig.parse("null", workers=4).ceiling is None


def test_a_pool_that_the_server_cannot_hold_is_refused() -> None:
    pool = PoolConfig.parse("queue:size=40,overflow=8", workers=2)
    assert pool.checked_for(96, 100, "queue") is pool
    with pytest.raises(
        VariantError, match=r"may open 96 connections .* gives the app 94 .* make size \+ overflow 47 or"
    ):
        pool.checked_for(94, 100, "queue")


def test_the_same_variant_twice_keeps_two_names() -> None:
    first, second = Variant.parse_all(["queue", "queue"], 1, {})
    assert (first.name, second.name) == ("queue", "queue#2")
    assert first.pool == second.pool


def test_a_comparison_takes_two_variants() -> None:
    with pytest.raises(VariantError, match="1 variants given"):
        Variant.parse_all(["queue"], 1, {})


@pytest.mark.parametrize("name", sorted(JOURNEYS))
def test_a_journey_names_routes_of_the_app(name: str) -> None:
    assert set(journey(name)) <= set(ROUTE_BY_NAME)


def test_an_unknown_journey_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="read, mixed, churn"):
        journey("browse")


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": "half-open"},
        {"users": 0},
        {"model": "open", "rate_per_s": 0.0},
        {"measured_s": 0.0},
        {"warmup_s": float("nan")},
        {"weights": {"nowhere": 1}},
    ],
)
def test_a_load_that_cannot_be_run_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        LoadPlan(**wrong).checked()  # type: ignore[arg-type]


def test_a_plan_survives_json_and_later_versions() -> None:
    plan = LoadPlan(model="open", rate_per_s=50.0)
    assert LoadPlan.from_dict(plan.as_dict() | {"added_later": 1}) == plan
