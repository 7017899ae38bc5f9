from itertools import permutations

import numpy as np
import pytest

from vlms.consistency.products import ProductTable, distinct


def test_factors_are_those_of_every_order_of_steps():
    tried = set()
    for order in permutations("eeccc"):
        at_risk, product = 9, 1.0
        for step in order:
            product *= (at_risk - 1) / at_risk if step == "e" else 1
            at_risk -= 1
        tried.add(round(product, 10))
    assert ProductTable(1000).factors(9, 2, 3) == pytest.approx(sorted(tried), abs=1e-9)


def test_a_table_that_would_be_too_large_is_not_made():
    assert ProductTable(100).factors(60, 20, 20) is None


def test_steps_lead_to_the_value_asked_for():
    table = ProductTable(1000)
    # 4/5 × 2/3 after one censored in between: 5 at risk, event, censoring, event at 3.
    assert table.steps(5, 2, 1, 4 / 5 * 2 / 3, True) == "ece"


def test_rounding_noise_makes_no_new_value():
    assert distinct(np.array([0.1 + 0.2, 0.3, 0.1])).tolist() == [0.1, 0.3]
