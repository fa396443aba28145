"""The Universal Scalability Law: known coefficients come back, and a peak is told only where it was passed."""

import numpy as np
import pytest

from lab.analyse.usl import Law, fit
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
