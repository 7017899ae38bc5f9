"""The facts of a paper as a search problem: patients, groups, endpoints and what must be printed.

The counts and their bounds are those of `check_paper` (vlms.consistency): sizes of groups, events,
censored and still observed by each time. What is demanded of a cohort is a box of true values for
each fact, rounded half up; where no cohort prints so, digits may have been cut off.
"""

import math
from dataclasses import dataclass, field, replace

from vlms.consistency import paper_bounds, printed_box, read_facts

EVER = math.inf
# An open end of a box is drawn in by this, a closed one let out: more than rounding noise.
EDGE = 1e-9
FOLLOW_UP = ("follow_up", "follow-up")
_CURVES = ("survival", "events", "censored", "at_risk", "median", "hazard_ratio", "p_value")


class RebuildError(ValueError):
    """No cohort can be drawn from these facts; the message says why."""


@dataclass(frozen=True)
class Demand:
    """What one fact asks of a cohort: a value of a curve, of follow-up or of a test, in a box."""

    id: str
    kind: str
    group: str
    endpoint: str
    low: float
    high: float
    at: float = EVER
    limits: tuple = ()  # boxes of the lower and the upper limit
    p: tuple = ()  # box of the P value
    against: tuple = ()  # groups that are compared with `group`


@dataclass
class Problem:
    """Patients, groups and demands; `unused` lists the facts that ask nothing, and why."""

    facts: object
    cut: bool
    roots: dict = field(default_factory=dict)  # group -> size, disjoint
    sizes: dict = field(default_factory=dict)  # every group -> size
    parts: list = field(default_factory=list)  # (whole, parts), wholes first
    subsets: list = field(default_factory=list)  # (subset, wholes)
    endpoints: list = field(default_factory=list)
    terminal: set = field(default_factory=set)
    nested: list = field(default_factory=list)
    demands: list = field(default_factory=list)
    events: dict = field(default_factory=dict)  # (group, endpoint) -> least and most events
    free: dict = field(default_factory=dict)  # covariate of unknown patients -> whole
    counts: list = field(default_factory=list)
    unused: list = field(default_factory=list)

    @property
    def n(self):
        """Patients of a cohort."""
        return sum(self.roots.values())


def split(problem):
    """A problem for each root: groups that share no patient are searched on their own."""
    found = []
    for root, size in problem.roots.items():
        inside, before = {root}, 0
        while len(inside) > before:
            before = len(inside)
            inside |= {p for w, ps in problem.parts if w in inside for p in ps}
            inside |= {s for s, ws in problem.subsets if set(ws) & inside}
        demands = [d for d in problem.demands if d.group in inside]
        asked = {d.endpoint for d in demands}
        asked |= {b for a, b in problem.nested if a in asked}
        endpoints = [e for e in problem.endpoints if e in asked] or problem.endpoints[:1]
        part = replace(
            problem,
            roots={root: size},
            sizes={g: n for g, n in problem.sizes.items() if g in inside},
            parts=[(w, ps) for w, ps in problem.parts if w in inside],
            subsets=[(s, ws) for s, ws in problem.subsets if s in inside],
            endpoints=endpoints if len(problem.roots) > 1 else problem.endpoints,
            demands=demands,
            free={c: w for c, w in problem.free.items() if w in inside},
        )
        part.nested = [(a, b) for a, b in part.nested if {a, b} <= set(part.endpoints)]
        part.terminal = part.terminal & set(part.endpoints)
        found.append(part)
    return found


def build_problem(facts, *, cut=False):
    """Turn facts into a `Problem`; `cut` lets digits have been cut off."""
    model = read_facts(facts)
    bounds = paper_bounds(model)
    problem = Problem(model, cut)
    timed = [f for f in model if f.kind in _CURVES and (f.endpoint or f.kind == "p_value")]
    timed += [f for f in model if f.variable in FOLLOW_UP]
    timed += [f for f in model if f.kind == "n" and f.endpoint]
    if not timed:
        timed = model.of_kind("n")
    _groups(problem, model, bounds, timed)
    named = [f.endpoint for f in timed if f.endpoint and f.group in problem.sizes]
    problem.endpoints = list(dict.fromkeys(named)) or ["event"]
    known = set(problem.endpoints)
    problem.nested = [(a, b) for a, b in model.nested if a in known and b in known]
    problem.terminal = bounds.deaths & known
    follow_up = any(f.variable in FOLLOW_UP for f in timed)
    if len(known) == 1 and not follow_up:
        problem.terminal = known
    for fact in model:
        _demand(problem, model, fact)
    for endpoint in problem.endpoints:
        for group, size in problem.sizes.items():
            name = ("events", group, endpoint, EVER)
            low, high = bounds.least(name)[0], bounds.most(name)[0]
            problem.events[group, endpoint] = (low, size if high is None else min(high, size))
    return problem


def _groups(problem, model, bounds, timed):
    """The groups with a known size that the curves are about, from the largest down."""
    above = {}
    for whole, parts in model.parts:
        for part in parts:
            above.setdefault(part, []).append(whole)
    for part, whole in model.subsets:
        above.setdefault(part, []).append(whole)

    def size(group):
        number, _ = bounds.exactly(("n", group, ""))
        if number is None:
            endpoints = {f.endpoint for f in timed if f.group == group}
            found = {bounds.exactly(bounds.size(group, e))[0] for e in endpoints}
            number = found.pop() if len(found) == 1 else None
        return number

    wanted, waiting = {}, [f.group for f in timed]
    waiting += [g for f in timed for g in f.of if g not in model.facts]
    asked = set(waiting)
    while waiting:
        group = waiting.pop(0)
        if group in wanted:
            continue
        wanted[group] = size(group)
        waiting += above.get(group, [])
    known = {g for g, n in wanted.items() if n}

    def tops(group):
        found = [w for w in above.get(group, []) if w in known]
        return set().union(*map(tops, found)) if found else {group}

    inside = {g: tops(g) for g in known}
    # A whole of which nothing is asked but its size, such as all who were seen, is left out.
    for root in {r for found in inside.values() for r in found}:
        while True:
            below = [g for g in known if root in above.get(g, [])]
            holds = [g for g in below if g in asked or _below(g, asked, above)]
            if root in asked or len(holds) != 1:
                break
            known -= {root, *(g for g in below if g not in holds)}
            root = holds[0]
    known = {g for g in known if g in asked or _below(g, asked, above)}
    parted = [(w, ps) for w, ps in model.parts if w in known and set(ps) & known]
    for _, parts in parted:
        for part in parts:
            known.add(part)
            wanted.setdefault(part, size(part))
            wanted[part] = size(part) if wanted[part] is None else wanted[part]
    known = {g for g in known if wanted[g] is not None}
    if not known:
        groups = ", ".join(sorted(asked)) or "all"
        raise RebuildError(
            f"the number of patients of {groups} is not printed; without it there is no cohort. "
            "Write a fact of kind n"
        )
    problem.sizes = {g: wanted[g] for g in sorted(known, key=lambda g: (-wanted[g], g))}
    problem.roots = {
        g: n for g, n in problem.sizes.items() if not any(w in known for w in above.get(g, []))
    }
    problem.parts = [
        (whole, parts)
        for whole, parts in sorted(parted, key=lambda pair: -wanted[pair[0]])
        if all(part in known for part in parts)
    ]
    problem.subsets = [
        (part, tuple(w for p, w in model.subsets if p == part and w in known))
        for part in problem.sizes
        if any(p == part and w in known for p, w in model.subsets)
    ]


def _below(group, asked, above):
    """Whether anything is asked of a group inside this one."""
    inner = {g for g in asked if group in above.get(g, [])}
    inner |= {g for g, wholes in above.items() if group in wholes}
    return any(g in asked or _below(g, asked, above) for g in inner)


def _demand(problem, model, fact):
    """Add what a fact demands, or why it demands nothing."""
    kind, group, endpoint = fact.kind, fact.group, fact.endpoint

    def unused(why):
        problem.unused.append((fact.id, why))

    def box(value, *, share=False, smallest=0.0):
        low, high = printed_box(value, truncated=problem.cut, smallest=smallest)
        high -= 0 if value.comparator else EDGE
        scale = 1.0 if share or fact.scale is None else fact.scale
        # The lower end prints so, half up; the upper end prints as the next number.
        return low * scale - EDGE, min(high * scale, 1.0 if share else EVER)

    def add(kind, low, high, **more):
        problem.demands.append(Demand(fact.id, kind, group, endpoint, low, high, fact.at, **more))

    if kind in ("statement", "share", "sd", "mean") and fact.variable not in FOLLOW_UP:
        if kind == "share":
            unused("a share is checked against its count")
        else:
            unused("no model of it")
        return
    if kind == "n":
        if group not in problem.sizes:
            unused(f"{group} is outside the patients with a curve")
        return
    if kind == "count":
        if group in problem.sizes and fact.total:
            problem.counts.append(fact)
        else:
            unused("its patients or its total are not known")
        return
    if group not in problem.sizes:
        unused(f"the number of patients of {group} is not known")
        return
    if fact.variable in FOLLOW_UP:
        if fact.scale is None:
            unused("its unit does not convert exactly")
        elif not fact.reached:
            unused("a follow-up that was not reached")
        else:
            name = kind
            if kind == "median":
                name = "plain_median" if model.plain_follow_up else "any_median"
            add(f"follow_up_{name}", *box(fact.value))
        return
    if not endpoint and kind != "p_value":
        unused("no model of it")
    elif kind in ("events", "censored", "at_risk"):
        add(kind, float(fact.value), float(fact.value))
    elif kind == "survival":
        ends = box(fact.value, share=True)
        printed = [v for v in (fact.lower, fact.upper) if v is not None]
        add(kind, *ends, limits=tuple(box(v, share=True) for v in printed))
    elif kind == "median" and "among" in fact.note.lower():
        unused("a median among those with the event, or not known of whom")
    elif kind == "median" and fact.scale is None:
        unused("its unit does not convert exactly")
    elif kind == "median":
        if fact.lower is not None:
            unused("limits of a median are not demanded; its value is")
        add(kind, *(box(fact.value) if fact.reached else (EVER, EVER)))
    elif kind == "hazard_ratio":
        _ratio(problem, model, fact, box, add, unused)
    elif kind == "p_value":
        _p_value(problem, model, fact, box, unused)
    else:
        unused("no model of it")


def _ratio(problem, model, fact, box, add, unused):
    """A hazard ratio of a group against another, or of a covariate of unknown patients."""
    others = tuple(g for g in fact.of if g not in model.facts)
    if fact.covariate not in ("binary", "categories"):
        unused("its covariate is not declared as binary")
        return
    if any(g not in problem.sizes for g in others) or len(others) > 1:
        unused("its groups are not known")
        return
    if not others:
        problem.free[fact.id] = fact.group
    limits = () if fact.lower is None else (box(fact.lower), box(fact.upper))
    p = () if fact.p is None else box(fact.p)
    add("hazard_ratio", *box(fact.value), limits=limits, p=p, against=others)
    if limits and not others:
        # Each event adds a quarter to the information at most.
        error = (math.log(limits[1][1]) - math.log(max(limits[0][0], 1e-6))) / 3.92
        add("events", math.ceil(4 / error**2 - 0.01), EVER)


def _p_value(problem, model, fact, box, unused):
    """A log-rank P value of groups, or of the facts of groups."""
    facts = [model.facts[o] for o in fact.of if o in model.facts]
    groups = list(dict.fromkeys([o for o in fact.of if o not in model.facts]))
    groups += [f.group for f in facts if f.group not in groups]
    endpoint = fact.endpoint or next((f.endpoint for f in facts if f.endpoint), "")
    note = fact.note.lower()
    named = any(word in note for word in ("log-rank", "log rank", "logrank", "mantel"))
    if any(f.kind == "count" for f in facts) or not endpoint or (note and not named):
        unused("not the P value of a log-rank test")
    elif len(groups) < 2 or any(g not in problem.sizes for g in groups):
        unused("its groups are not known")
    else:
        low, high = box(fact.value)
        first, *rest = groups
        demand = Demand(fact.id, "log_rank", first, endpoint, low, high, against=tuple(rest))
        problem.demands.append(demand)
