"""Ensembles of synthetic cohorts as frames and files."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from vlms.consistency import check_paper, read_facts
from vlms.printed import Printed
from vlms.rebuild.problem import RebuildError, build_problem, split
from vlms.rebuild.search import Chains, Search, fit_free_covariates

MARK = "synthetic: drawn to agree with what is printed"
# Cohorts that share a seed; the same whatever the number of workers.
_CHUNK, _SIMPLE_CHUNK = 200, 250
_STEPS, _WALK, _ROUNDS, _FREE_STEPS = 1500, 200, 3, 800


class InfeasibleError(RebuildError):
    """No cohort prints these facts; `sets` is what `check_paper` says of the conflicting ones."""

    def __init__(self, message, sets):
        super().__init__(message)
        self.sets = sets


def rebuild(facts, *, cohorts=400, seed=0, jobs=None, effort=1.0, progress=None):
    """Draw synthetic cohorts, each of which prints exactly what is printed.

    Parameters
    ----------
    facts : path, pandas.DataFrame or Facts
        As for `vlms.consistency.check_paper`.
    cohorts, seed : int
        The same seed gives the same cohorts, whatever `jobs` is.
    jobs : int, optional
        Workers for joblib; None works in this process.
    effort : float
        Multiplies the steps of the search.
    progress : callable, optional
        Called with the number of cohorts found and asked for.

    Returns
    -------
    pandas.DataFrame
        A row for each patient, and endpoint where there are several: cohort, patient, endpoint,
        group (the part of the first split into groups), time (in the unit of the facts), event,
        synthetic, a column of bool for each further group or covariate, and one for each
        variable with printed counts. ``.attrs``: mark, unit, facts, unused (facts that ask nothing
        of a cohort, and why), rounding, independent (cohorts that were searched from the start;
        the others are walks from these, along cohorts that print the same).

    Raises
    ------
    InfeasibleError
        If the facts contradict each other.
    RebuildError
        If no cohort was found within the steps, which proves nothing; or a size is not printed.
    FactsError
        If the facts cannot be read.

    Notes
    -----
    Times are made up between the printed ones by the mixture in `vlms.rebuild.drawing`. Variables
    with printed counts are dealt at random within the groups that have a count of their own: their
    association with anything else is made up. What is
    demanded is rounded half up; if nothing prints so, digits may have been cut off. The check is
    that of the papers' audit: the same boxes of true values.

    Examples
    --------
    >>> facts = pd.DataFrame({"kind": ["n", "events", "survival"], "at": ["", "", "36"],
    ...                       "value": ["12", "4", "57%"], "endpoint": "death"})
    >>> drawn = rebuild(facts, cohorts=3)
    >>> drawn.groupby("cohort")["event"].agg(["size", "sum"]).values.tolist()
    [[12, 4], [12, 4], [12, 4]]
    """
    model = read_facts(facts)
    rounded = _refuse_contradictions(model)
    failed = []
    # The audit knows where digits can only have been cut off.
    for cut in (False, True) if rounded else (True,):
        problem = build_problem(model, cut=cut)
        found = [
            _component(part, place, cohorts, seed, jobs, effort, progress)
            for place, part in enumerate(split(problem))
        ]
        failed = [worst for chains, _, worst in found if not chains]
        if not failed:
            return _frame(problem, found, cohorts)
    listed = ", ".join(failed[0])
    raise RebuildError(
        f"no cohort was found within the steps, which does not prove that there is none. "
        f"Furthest from being met: {listed}. Try a larger effort, or leave one of them out"
    )


def repaired(facts, changes):
    """The same facts with other printed values, or with the total of a count as "46 of 58".

    Parameters
    ----------
    facts : path, pandas.DataFrame or Facts
        As for `rebuild`.
    changes : dict
        By id the value as it would be printed; None leaves the fact out. A dict gives other
        columns of the fact, such as ``{"endpoint": "recurrence"}``.

    Returns
    -------
    Facts
        For `rebuild`, `bounds`, `repairs` and `vlms.consistency.check_paper`.

    Raises
    ------
    RebuildError
        If there is no such fact.

    Examples
    --------
    >>> facts = pd.DataFrame({"kind": ["n", "events"], "value": ["12", "14"], "endpoint": "death"})
    >>> [str(fact) for fact in repaired(facts, {"2": "4"})]
    ['death n of all = 12', 'death events of all = 4']
    """
    model = read_facts(facts)
    if wrong := set(changes) - set(model.facts):
        raise RebuildError(f"no fact has the id {', '.join(map(repr, sorted(wrong)))}")
    kept = {key: f for key, f in model.facts.items() if changes.get(key, "") is not None}
    for key, text in changes.items():
        if isinstance(text, dict):
            kept[key] = replace(kept[key], **text)
        elif text is not None:
            value, of, total = str(text).partition(" of ")
            fact = replace(kept[key], value=Printed.parse(value))
            kept[key] = replace(fact, total=int(total)) if of else fact
    return replace(model, facts=kept)


def write_cohorts(cohorts, path):
    """Write synthetic cohorts to a Parquet file whose metadata say what they are."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(cohorts, preserve_index=False)
    about = {"synthetic": MARK, "unit": cohorts.attrs.get("unit", "")}
    about |= {"facts": str(cohorts.attrs.get("facts", ""))}
    table = table.replace_schema_metadata(
        {**(table.schema.metadata or {}), **{k.encode(): v.encode() for k, v in about.items()}}
    )
    pq.write_table(table, path)


def _refuse_contradictions(model):
    """Raise where the audit finds sets that cannot hold together; whether all can be rounded."""
    found = check_paper(model)
    sets = found[found["verdict"] == "contradictory"]
    if len(sets):
        told = "\n".join(f"  {s}" for s in sets.drop_duplicates("set")["statement"])
        count = sets["set"].nunique()
        what = "one set of numbers" if count == 1 else f"{count} sets of numbers"
        raise InfeasibleError(f"no cohort prints these facts: {what} cannot hold:\n{told}", sets)
    survivals = {f.id for f in model.of_kind("survival")}
    return not (found["fact"].isin(survivals) & (found["verdict"] == "rounding")).any()


def _component(problem, place, cohorts, seed, jobs, effort, progress):
    """All cohorts of groups that share patients; how many were independent; what was not met."""
    simple = len(problem.sizes) == 1 and len(problem.endpoints) == 1 and not problem.free
    chunk = _SIMPLE_CHUNK if simple else _CHUNK
    sizes = [min(chunk, cohorts - start) for start in range(0, cohorts, chunk)]
    work = [partial(_chunk, problem, size, (seed, place, k), effort)
            for k, size in enumerate(sizes)]  # fmt: skip
    if jobs in (None, 1) or len(work) == 1:
        results = (task() for task in work)
    else:
        from joblib import Parallel, delayed

        results = Parallel(n_jobs=jobs, return_as="generator")(delayed(t)() for t in work)
    chains, independent, worst = [], 0, []
    for size, (got, count, off) in zip(sizes, results, strict=True):
        if got is None:
            worst = worst or off
        else:
            chains.append(got)
            independent += count
        if progress:
            progress(sum(len(c.last) for c in chains), cohorts, size)
    if worst and chains:
        # A chunk without any is filled by walks from the cohorts of the others.
        missing = cohorts - sum(len(c.last) for c in chains)
        last = chains[-1].copy()
        last.more(missing)
        chains.append(_walked(last, effort))
    return chains, independent, worst


def _chunk(problem, size, seed, effort):
    """Search a chunk of cohorts, which has a seed of its own."""
    rng = np.random.default_rng(np.random.SeedSequence(list(seed)))
    done, count, off = None, 0, []
    for round_ in range(_ROUNDS):
        # What was not found by few is tried by many.
        chains = Chains(problem, rng, max(size - count, _CHUNK if round_ else 1))
        search = Search(chains)
        for got in search.run(int(_STEPS * effort)):
            if not got.kept.all():
                got.take(np.nonzero(got.kept)[0])
            done = _joined(done, _with_free(got, effort))
        count = 0 if done is None else len(done.last)
        # Where few come up, the others are walks from these.
        if count >= size or (round_ == 0 and 0 < count < 0.8 * size):
            break
        off = search.furthest() or off or list(problem.free)
    if not count:
        return None, 0, off
    if count < size:
        more = done.copy()
        more.take(np.arange(size - count) % count)
        done = _joined(done, _walked(more, effort))
    done.take(np.arange(size))
    return done, min(count, size), off


def _with_free(chains, effort):
    """Those chains in which every covariate of unknown patients could be dealt."""
    if chains.problem.free and len(chains.last):
        fits = fit_free_covariates(chains, int(_FREE_STEPS * effort))
        chains.take(np.nonzero(fits)[0])
    return chains


def _walked(chains, effort):
    """Walk along cohorts that print the same."""
    Search(chains, free=True).walk(int(_WALK * effort))
    return chains


def _joined(one, two):
    """Two sets of chains as one."""
    if one is None or not len(one.last):
        return two if two is not None and len(two.last) else None
    both = one.copy()
    both.last = np.concatenate([one.last, two.last])
    both.kept = np.concatenate([one.kept, two.kept])
    for name in ("member", "event", "share"):
        pairs = getattr(one, name), getattr(two, name)
        setattr(both, name, {k: np.concatenate([pairs[0][k], pairs[1][k]]) for k in pairs[0]})
    return both


def _frame(problem, found, cohorts):
    """The cohorts of all components as one tidy frame."""
    parts, independent = [], []
    offset = 0
    for place, (chains, count, _) in enumerate(found):
        whole = None
        for more in chains:
            whole = _joined(whole, more)
        parts.append(_component_frame(whole, place, offset))
        offset += whole.last.shape[1]
        independent.append(count)
    frame = pd.concat(parts, ignore_index=True).sort_values(
        ["cohort", "number"], kind="stable", ignore_index=True
    )
    width = len(str(offset)), len(str(cohorts))
    frame["patient"] = [
        f"synthetic-{c:0{width[1]}d}-{n:0{width[0]}d}"
        for c, n in zip(frame["cohort"], frame["number"], strict=True)
    ]
    frame["synthetic"] = True
    order = [c for c in ("cohort", "patient", "group", "endpoint", "time", "event", "synthetic")
             if c in frame]  # fmt: skip
    rest = [c for c in frame if c not in (*order, "number")]
    frame = frame[order + rest]
    frame.attrs = {
        "mark": MARK,
        "unit": problem.facts.unit,
        "facts": problem.facts.name,
        "rounding": "cut off or rounded" if problem.cut else "rounded",
        "independent": min(independent),
        "unused": dict(problem.unused),
    }
    return frame


def _component_frame(chains, place, offset):
    """The cohorts of one component, a row for each patient and endpoint."""
    problem = chains.problem
    size, n = chains.last.shape
    wide = {"cohort": np.repeat(np.arange(1, size + 1), n)}
    wide["number"] = np.tile(np.arange(1, n + 1) + offset, size)
    root = next(iter(problem.roots))
    first = next((parts for whole, parts in problem.parts if whole == root), ())
    if first:
        index = np.zeros((size, n), int)
        for k, part in enumerate(first):
            index[chains.member[part]] = k
        wide["group"] = np.array(first, dtype=object)[index.ravel()]
    for group, mask in chains.member.items():
        if group not in first and group != root:
            wide[group] = mask.ravel()
    rng = np.random.default_rng([len(problem.counts), place])
    wide |= _variables(chains, rng)
    wide = pd.DataFrame(wide)
    tall = []
    for endpoint in problem.endpoints:
        named = {"endpoint": endpoint} if len(problem.endpoints) > 1 else {}
        tall.append(
            wide.assign(
                **named,
                time=chains.time(endpoint).ravel(),
                event=chains.event[endpoint].ravel(),
            )
        )
    return pd.concat(tall, ignore_index=True)


def _variables(chains, rng):
    """Columns whose levels are counted as printed, dealt at random."""
    problem, found = chains.problem, {}
    size, n = chains.last.shape
    counted = {}
    for fact in problem.counts:
        if fact.group in problem.sizes and fact.variable != "tests":
            levels = problem.facts.levels.get(fact.variable)
            if levels and fact.level not in levels:
                continue  # of several levels together: it follows from theirs
            known = levels is not None
            name = fact.variable if known else f"{fact.variable}: {fact.level}"
            counted.setdefault(name, {}).setdefault(fact.group, []).append(fact)
    for name, groups in counted.items():
        labels = list(problem.facts.levels.get(name, ("yes",)))
        dealt = np.full((size, n), -1)
        for group in sorted(groups, key=lambda g: problem.sizes[g]):
            facts = groups[group]
            mask = chains.member[group]
            total = facts[0].total
            want = {labels.index(f.level) if f.level in labels else 0: int(f.value) for f in facts}
            if len(labels) == 1:
                labels, want = ["no", "yes"], {1: want[0], 0: total - want[0]}
            missing = set(range(len(labels))) - set(want)
            if len(missing) == 1:
                want[missing.pop()] = total - sum(want.values())
            order = np.where(mask & (dealt < 0), rng.random((size, n)), 2).argsort(axis=1)
            rank = order.argsort(axis=1)
            begin = np.zeros((size, 1), int)
            for level, count in sorted(want.items()):
                have = (mask & (dealt == level)).sum(axis=1, keepdims=True)
                end = begin + np.maximum(count - have, 0)
                dealt = np.where(mask & (dealt < 0) & (rank >= begin) & (rank < end), level, dealt)
                begin = end
        text = np.array([*labels, None], dtype=object)
        found[name] = text[dealt.ravel()]
    return found
