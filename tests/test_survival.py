"""What the folder offers under its name."""

import vlms.survival as survival


def test_the_names_that_others_rely_on_are_there():
    names = """kaplan_meier survival_at survival_quantile median_follow_up restricted_mean log_rank
    pairwise_log_rank cox proportional_hazards_test cumulative_incidence gray_test at_landmark
    event_table"""
    assert [name for name in names.split() if name not in survival.__all__] == []


def test_every_offered_function_is_documented_with_an_example():
    functions = [getattr(survival, name) for name in survival.__all__]
    plain = [f for f in functions if not isinstance(f, type)]
    assert [f.__name__ for f in plain if ">>>" not in (f.__doc__ or "")] == []
