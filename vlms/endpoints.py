"""Time and event for each endpoint that a study declares.

All clocks start at the study's time zero. A patient who lacks what an endpoint needs is left out of
it, never counted as event-free, and is named in ``.attrs["left_out"]`` with the reason; an endpoint
whose columns the cohort lacks is refused.
"""

import pandas as pd

from vlms.study import SARCOMA, Endpoint, Study

ENDPOINTS = {name: endpoint.definition for name, endpoint in SARCOMA.endpoints.items()}
RECURRENCE_COLUMNS = {
    name: endpoint.at[0]
    for name, endpoint in SARCOMA.endpoints.items()
    if len(endpoint.at) == 1 and not endpoint.event
}


def time_to_event(
    patients: pd.DataFrame, endpoint: str, study: Study | None = None, *, unknown=None
) -> pd.DataFrame:
    """Derive the time to an endpoint, and whether it was reached.

    The first event counts: those that the study declares for the endpoint (``event`` is True), one
    that competes with it (``event`` is False: a survival curve censors it, and overstates the risk
    where such events are many; ``cause`` tells it apart for `cumulative_incidence`), or the end of
    follow-up. A blank time of a recurrence means that none was seen; a missing column does not, and
    raises. Patients without time or status, or not at risk at time zero, are left out and listed.

    Parameters
    ----------
    patients : pandas.DataFrame, one row a patient
        With patient_id, the study's column of time, and what the endpoint is derived from.
    endpoint : str
        A name in ``study.endpoints``.
    study : Study, optional
        By default `SARCOMA`.
    unknown : {None, "event", "censored"}
        What a status that may or may not be the event (dead, cause unknown) counts as. The truth
        lies between the two: "event" counts them all; "censored" none (where the endpoint has
        competing events, as one of these). None is as "censored", with the patients listed.

    Returns
    -------
    pandas.DataFrame
        patient_id, time (the study's unit), event (bool); where the endpoint has competing events,
        cause (int: 0 censored, 1 the event, 2 a competing one); where the study has delayed entry,
        entry. On the index of `patients`. ``.attrs``: endpoint, label, definition, unit; left_out,
        a list of (patient_id, reason); unknown, the patients whose status is; causes, in words.

    Raises
    ------
    ValueError
        If the endpoint is unknown, a column that it needs is missing, or a status is not listed.

    Examples
    --------
    >>> import pandas as pd
    >>> patients = pd.DataFrame({
    ...     "patient_id": ["a", "b", "c"], "time_months": [10.0, 20.0, 30.0],
    ...     "status": ["dead_of_disease", "dead_other", "alive"]})
    >>> time_to_event(patients, "disease_specific_survival")
      patient_id  time  event  cause
    0          a  10.0   True      1
    1          b  20.0  False      2
    2          c  30.0  False      0
    """
    study = study or SARCOMA
    if unknown not in (None, "event", "censored"):
        raise ValueError(f'unknown is "event" or "censored"; found {unknown!r}')
    declared = study.endpoint(endpoint)
    known, left_out = _eligible(patients, declared, study)
    end = known[study.time.end].astype("float64")
    status = known[declared.status] if declared.status else pd.Series(pd.NA, known.index)
    doubted = status.isin(declared.unknown)
    reached = status.isin(declared.event) | (doubted & (unknown == "event"))
    others = status.isin(declared.competing) | (doubted & (unknown != "event"))
    event = _first(known, declared.at, end, reached)
    other = _first(known, declared.competing_at, end, others & declared.competes)
    happened = event.notna() & ~(other < event)
    if declared.alone:
        beside = known[list(declared.competing_at)].astype("float64").min(axis=1)
        happened &= ~(beside <= event)
    competed = other.notna() & ~happened
    frame = pd.DataFrame(
        {
            "patient_id": known["patient_id"],
            "time": event.where(happened, other).fillna(end),
            "event": happened.astype(bool),
        }
    )
    if declared.competes:
        frame["cause"] = happened.astype("int64").mask(competed, 2)
    if study.time.entry:
        frame["entry"] = known[study.time.entry].astype("float64").fillna(0.0)
    in_doubt = known["patient_id"][doubted].tolist()
    definition = declared.definition
    if in_doubt:
        counted = "as events" if unknown == "event" else "as no events"
        definition += f"; {len(in_doubt)} of unknown cause counted {counted}"
    frame.attrs = {
        "endpoint": endpoint,
        "label": declared.label,
        "definition": definition,
        "unit": study.unit,
        "left_out": left_out,
        "unknown": in_doubt,
        "causes": dict(enumerate(("censored", *declared.causes))),
    }
    return frame


def time_to_cause(patients: pd.DataFrame, endpoint: str, study: Study | None = None):
    """Return `time_to_event` without its event, of an endpoint with competing events."""
    frame = time_to_event(patients, endpoint, study)
    if "cause" not in frame:
        with_some = [e.name for e in (study or SARCOMA).endpoints.values() if e.competes]
        raise ValueError(f"{endpoint!r} has no competing events; use {', '.join(with_some)}")
    return frame.drop(columns="event")


def _first(known, columns, end, at_end):
    """Return when the first of some events was; NA for none."""
    times = known[list(columns)].astype("float64").min(axis=1)
    return times.fillna(end.where(at_end))


def _eligible(patients: pd.DataFrame, endpoint: Endpoint, study: Study):
    """Return who has what the endpoint needs, and for the others why not."""
    for column in ["patient_id", study.time.end, *endpoint.columns]:
        if column not in patients:
            raise ValueError(
                f"{endpoint.name} needs the column {column}, which this cohort lacks; "
                f"it has {', '.join(map(str, patients.columns))}"
            )
    reasons = pd.Series("", index=patients.index)
    for column, levels in endpoint.not_at_risk.items():
        if column in patients:
            found = patients[column].astype("string")
            for level in levels:
                reasons = reasons.mask((found == level).fillna(False), f"{level} at time zero")
    if endpoint.status:
        status = patients[endpoint.status]
        listed = endpoint.event | endpoint.competing | endpoint.unknown | endpoint.censored
        if unheard := set(status.dropna()) - listed:
            found = ", ".join(sorted(map(str, unheard)))
            known = ", ".join(sorted(listed))
            raise ValueError(f"{endpoint.status} holds {found}; write one of {known}")
        reasons = reasons.mask(status.isna(), f"no {endpoint.status}")
    if study.time.entry:
        late = patients[study.time.entry].fillna(0) >= patients[study.time.end]
        reasons = reasons.mask(late.fillna(False), "ends at or before entry")
    reasons = reasons.mask(patients[study.time.end].isna(), "no follow-up time")
    kept = reasons == ""
    left_out = list(zip(patients["patient_id"][~kept], reasons[~kept], strict=True))
    return patients[kept], left_out
