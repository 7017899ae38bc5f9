"""Time and event for each endpoint, derived from a cohort.

All clocks start at the time zero of ``time_months`` (diagnosis or operation). A patient who
lacks what an endpoint needs is left out of it, never counted as event-free, and is named in
``.attrs["left_out"]`` with the reason; an endpoint whose columns the cohort lacks is refused.
"""

import pandas as pd

RECURRENCE_COLUMNS = {
    "local_recurrence": "local_recurrence_months",
    "distant_recurrence": "distant_recurrence_months",
}
ENDPOINTS = {
    "overall_survival": "death from any cause; censored at last contact",
    "disease_specific_survival": "death of the disease; other deaths are censored when they occur",
    "recurrence_free_survival": "local or distant recurrence or death from any cause, whichever "
    "is first; censored at last contact",
    "local_recurrence": "local recurrence; censored at last contact or death",
    "distant_recurrence": "distant recurrence; censored at last contact or death",
}
_COLUMNS = {name: [column] for name, column in RECURRENCE_COLUMNS.items()}
_COLUMNS["recurrence_free_survival"] = list(RECURRENCE_COLUMNS.values())
_CAUSES = {
    "disease_specific_survival": {1: "death of the disease", 2: "other death"},
    "local_recurrence": {1: "local recurrence", 2: "death without it"},
    "distant_recurrence": {1: "distant recurrence", 2: "death without it"},
}
_STATUSES = {"alive", "dead_of_disease", "dead_other"}


def time_to_event(patients: pd.DataFrame, endpoint: str) -> pd.DataFrame:
    """Derive the time to an endpoint, and whether it was reached.

    Overall survival counts every death. Disease-specific survival censors other deaths.
    Recurrence-free survival counts recurrence of either kind **and death from any cause**.
    Local and distant recurrence are censored at death: one minus such a Kaplan-Meier curve
    overstates the risk where deaths compete, for which there is `time_to_cause`.

    Patients with M1 at time zero are not at risk of a first distant recurrence and were never
    free of disease; they are left out of ``distant_recurrence`` and
    ``recurrence_free_survival``, and listed. So are patients without time or status. A blank
    recurrence means that none was seen; a missing column does not, and raises.

    Parameters
    ----------
    patients : pandas.DataFrame, one row a patient
        With patient_id, time_months (months), status, and for recurrences their columns.
    endpoint : str
        A name in `ENDPOINTS`.

    Returns
    -------
    pandas.DataFrame
        patient_id, time (months), event (bool), on the index of `patients`; ``.attrs`` has
        endpoint, definition and left_out, a list of (patient_id, reason).

    Raises
    ------
    ValueError
        If the endpoint is unknown, or a column that it needs is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> patients = pd.DataFrame({
    ...     "patient_id": ["a", "b", "c"], "time_months": [10.0, 20.0, 30.0],
    ...     "status": ["dead_of_disease", "dead_other", "alive"]})
    >>> time_to_event(patients, "disease_specific_survival")
      patient_id  time  event
    0          a  10.0   True
    1          b  20.0  False
    2          c  30.0  False
    """
    known, left_out = _eligible(patients, endpoint)
    recurrence = pd.Series(float("nan"), index=known.index)
    if columns := _COLUMNS.get(endpoint):
        recurrence = known[columns].astype("float64").min(axis=1)
    seen, died = recurrence.notna(), known["status"] != "alive"
    event = {
        "overall_survival": died,
        "disease_specific_survival": known["status"] == "dead_of_disease",
        "recurrence_free_survival": seen | died,
    }.get(endpoint, seen)
    frame = pd.DataFrame(
        {
            "patient_id": known["patient_id"],
            "time": recurrence.where(seen, known["time_months"].astype("float64")),
            "event": event.astype(bool),
        }
    )
    definition = ENDPOINTS[endpoint]
    frame.attrs = {"endpoint": endpoint, "definition": definition, "left_out": left_out}
    return frame


def time_to_cause(patients: pd.DataFrame, endpoint: str) -> pd.DataFrame:
    """Derive time and cause for competing risks, for `cumulative_incidence`.

    Parameters
    ----------
    patients : pandas.DataFrame, one row a patient
        As for `time_to_event`.
    endpoint : str
        ``disease_specific_survival`` (cause 1 death of the disease, 2 other death),
        ``local_recurrence`` or ``distant_recurrence`` (1 the recurrence, 2 death without it).

    Returns
    -------
    pandas.DataFrame
        patient_id, time (months), cause (int; 0 is censored), on the index of `patients`;
        ``.attrs`` as `time_to_event`, and causes, which names the codes.

    Raises
    ------
    ValueError
        As `time_to_event`, and for an endpoint without competing events.

    Examples
    --------
    >>> import pandas as pd
    >>> patients = pd.DataFrame({
    ...     "patient_id": ["a", "b", "c"], "time_months": [10.0, 20.0, 30.0],
    ...     "status": ["dead_of_disease", "dead_other", "alive"],
    ...     "local_recurrence_months": [4.0, None, None]})
    >>> time_to_cause(patients, "local_recurrence")
      patient_id  time  cause
    0          a   4.0      1
    1          b  20.0      2
    2          c  30.0      0
    """
    if endpoint not in _CAUSES:
        raise ValueError(f"{endpoint!r} has no competing events; use one of {', '.join(_CAUSES)}")
    frame = time_to_event(patients, endpoint)
    died = (patients.loc[frame.index, "status"] != "alive").astype(bool)
    cause = frame["event"].astype("int64").mask(~frame["event"] & died, 2).astype("int64")
    causes = frame.drop(columns="event").assign(cause=cause)
    causes.attrs = {**frame.attrs, "causes": {0: "censored", **_CAUSES[endpoint]}}
    return causes


def _eligible(patients: pd.DataFrame, endpoint: str):
    """Return who has what the endpoint needs, and for the others why not."""
    if endpoint not in ENDPOINTS:
        raise ValueError(f"unknown endpoint {endpoint!r}; use one of {', '.join(ENDPOINTS)}")
    for column in ["patient_id", "time_months", "status", *_COLUMNS.get(endpoint, [])]:
        if column not in patients:
            raise ValueError(
                f"{endpoint} needs the column {column}, which this cohort lacks; "
                f"it has {', '.join(map(str, patients.columns))}"
            )
    if unknown := set(patients["status"].dropna()) - _STATUSES:
        found = ", ".join(sorted(map(str, unknown)))
        raise ValueError(f"status holds {found}; write one of {', '.join(sorted(_STATUSES))}")
    reasons = pd.Series("", index=patients.index)
    if endpoint in {"distant_recurrence", "recurrence_free_survival"} and "m_stage" in patients:
        spread = patients["m_stage"].astype("string").str.startswith("M1").fillna(False)
        reasons = reasons.mask(spread.astype(bool), "M1 at time zero")
    reasons = reasons.mask(patients["status"].isna(), "no status")
    reasons = reasons.mask(patients["time_months"].isna(), "no follow-up time")
    kept = reasons == ""
    left_out = list(zip(patients["patient_id"][~kept], reasons[~kept], strict=True))
    return patients[kept], left_out
