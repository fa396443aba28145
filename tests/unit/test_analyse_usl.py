"""The Universal Scalability Law: known coefficients come back, and a peak is told only where it was passed."""

import numpy as np
import pytest

from lab.analyse import usl
from lab.analyse.usl import Law, fit, solve
from lab.errors import UsageError

TRUE = Law(100.0, 0.02, 0.0005)  # its peak is at 44
UP_TO_64 = (1, 2, 4, 8, 16, 32, 48, 64, 96)


def runs(counts, noise, repeats=5, seed=1):
    rng = np.random.default_rng(seed)
    return {
        users: [TRUE.throughput(users) * float(np.exp(rng.normal(0, noise))) for _ in range(repeats)]
        for users in counts
    }


def test_without_noise_the_coefficients_come_back():
    law = fit(runs(UP_TO_64, 0.0)).law
    assert (law.rate_per_s, law.sigma, law.kappa) == pytest.approx((100, 0.02, 0.0005), rel=1e-3)


def test_a_peak_that_was_passed_lies_in_its_interval():
    found = fit(runs(UP_TO_64, 0.03))
    assert found.peak_low < 44.3 < found.peak_high
    assert found.peak_users == pytest.approx(44.3, rel=0.15)


def test_a_peak_that_was_not_passed_is_not_told():
    found = fit(runs((1, 2, 4, 8, 16), 0.03))
    assert (found.peak_users, found.peak_low, found.peak_high) == (None, None, None)


def test_the_band_holds_the_truth():
    band = fit(runs(UP_TO_64, 0.03)).band
    assert sum(low <= TRUE.throughput(users) <= high for users, (low, high) in band.items()) >= len(band) - 2


def test_a_line_has_no_peak():
    assert fit({users: [10.0 * users] * 3 for users in UP_TO_64}).peak_users is None


def test_too_few_concurrencies_are_refused():
    with pytest.raises(UsageError, match="at least 4"):
        fit(runs((1, 2, 4), 0.0))


def test_no_throughput_is_refused():
    with pytest.raises(UsageError, match="no logarithm"):
        fit({1: [10.0], 2: [0.0], 4: [30.0], 8: [40.0]})


# A published measurement: SPEC SDM91 on 16 processors, in N. Gunther's "Guerrilla Capacity Planning" and in the R
# package usl, whose documentation gives the coefficients; it weighs by requests, not by shares.
SPECSDM91 = {1: [64.9], 18: [995.9], 36: [1652.4], 72: [1853.2], 108: [1828.9], 144: [1775.0], 216: [1702.2]}


def test_the_published_coefficients_come_out_of_the_published_measurement():
    law = solve(SPECSDM91, relative=False)
    assert law.rate_per_s == pytest.approx(89.995, abs=0.01)
    assert law.sigma == pytest.approx(0.02773, abs=5e-6)
    assert law.kappa == pytest.approx(0.0001044, abs=5e-8)
    assert law.peak_users == pytest.approx(96.52, abs=0.01)


def test_weighed_by_shares_its_peak_lies_near_and_the_interval_of_single_runs_is_wide():
    found = fit(SPECSDM91)
    assert found.peak_low < 92.6 < found.peak_high
    assert found.peak_high - found.peak_low > 10
    assert found.off_pct > 5  # the run of one user, which the law does not describe


@pytest.mark.parametrize(
    ("repeats", "cell"), [(1, 0.0), (3, 0.0), (5, 0.0), (5, 0.03)], ids=["single", "three", "five", "unlike days"]
)
def test_nineteen_of_twenty_intervals_hold_the_truth(monkeypatch, repeats, cell):
    """Of the curve and of its peak; also where each concurrency has a luck of its own, which its runs share."""
    monkeypatch.setattr(usl, "DRAWS", 80)
    inside, peaks, tried = [], [], 100
    for seed in range(tried):
        rng = np.random.default_rng(seed)
        luck = {users: float(rng.normal(0, cell)) for users in UP_TO_64}
        measured = {
            users: [TRUE.throughput(users) * float(np.exp(luck[users] + rng.normal(0, 0.03))) for _ in range(repeats)]
            for users in UP_TO_64
        }
        found = fit(measured, seed)
        inside += [low <= TRUE.throughput(users) <= high for users, (low, high) in found.band.items()]
        if found.peak_low is not None:
            peaks.append(found.peak_low <= TRUE.peak_users <= found.peak_high)
    assert np.mean(inside) > 0.88
    assert len(peaks) > 0.9 * tried
    assert np.mean(peaks) > 0.85


def test_a_climb_alone_never_tells_a_peak(monkeypatch):
    monkeypatch.setattr(usl, "DRAWS", 80)
    told = [fit(runs((1, 2, 4, 8, 16), 0.03, seed=seed), seed).peak_users for seed in range(40)]
    assert sum(peak is not None for peak in told) <= 1


def test_a_law_that_does_not_describe_what_was_measured_says_how_far_off_it_is():
    bent = {users: [min(100.0 * users, 800.0)] * 3 for users in (1, 2, 4, 8, 16, 32)}
    assert fit(bent).off_pct > 10
    assert fit(runs(UP_TO_64, 0.01)).off_pct < 3
