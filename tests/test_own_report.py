"""Each number of reports on public cohorts against R's, typed in with the call that gave it.

The data are those of the R package survival (tests/reference/own_report.R); calls are written for
`lung`, `colon` and `pbc` read from there. Then what is refused, and the files of a manuscript.
"""

import base64
import io
import re
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from lifelines.datasets import load_stanford_heart_transplants

from vlms.cohort import Cohort
from vlms.describing import standardised_difference
from vlms.own_cohort import (
    ChoiceError,
    open_cohort,
    show_comparison,
    show_competing_risks,
    show_endpoints,
    show_flow,
    show_follow_up,
    show_groups,
    show_hazard_ratios,
    show_landmark,
    show_manuscript,
    show_methods,
    show_sensitivity,
    show_subgroups,
    show_summary,
    show_table_one,
    show_time_dependent,
)
from vlms.own_cohort.manuscript import AUTHORS, checklist_of
from vlms.own_cohort.opening import FILES_MIME
from vlms.study import read_study

REFERENCE = Path(__file__).parent / "reference"
DEATH = """
[endpoints.overall_survival]
label = "Overall survival"
event = { status = ["dead"] }
censored = { status = ["alive"] }
"""
LUNG = """
[study]
title = "lung"
time_zero = "randomisation"
unit = "days"
covariates = ["age", "sex", "wt_loss"]
[columns.patient_id]
kind = "id"
[columns.time]
kind = "duration"
[columns.status]
kind = "category"
levels = { 0 = "alive", 1 = "dead" }
[columns.sex]
kind = "category"
label = "Sex"
[columns.ecog]
kind = "category"
[columns.age]
kind = "number"
label = "Age"
[columns.wt_loss]
kind = "number"
label = "Weight loss"
[columns.surgery]
kind = "yes-no"
known = "later"
[time]
end = "time"
"""
COLON = """
[study]
title = "colon"
unit = "days"
[columns.patient_id]
kind = "id"
[columns.time]
kind = "duration"
[columns.status]
kind = "category"
levels = { alive = "alive", dead = "dead" }
[columns.relapse]
kind = "duration"
label = "Relapse (days)"
[columns.rx]
kind = "category"
order = ["Obs", "Lev", "Lev+5FU"]
[time]
end = "time"
[endpoints.relapse_free_survival]
first_of = [{ at = "relapse" }, { status = ["dead"] }]
censored = { status = ["alive"] }
"""
PBC = """
[study]
title = "pbc"
unit = "days"
disease = "primary biliary cholangitis"
[columns.patient_id]
kind = "id"
[columns.time]
kind = "duration"
[columns.status]
kind = "category"
levels = { alive = "alive", dead = "dead", transplant = "transplant", unknown = "unknown" }
[time]
end = "time"
[endpoints.transplant_free_death]
label = "Death before transplant"
event = { status = ["dead"] }
competing = { status = ["transplant"] }
unknown = { status = ["unknown"] }
censored = { status = ["alive"] }
"""


def opened(folder, frame, study, **choices):
    """A cohort as it is after reading, with the study that its file would declare."""
    (folder / "c.study.toml").write_text(study, encoding="utf-8")
    columns = ["line", "patient_id", "column", "raw", "problem", "action"]
    labels = pd.DataFrame({"name": list(frame), "label": list(frame), "description": ""})
    issues = pd.DataFrame(columns=columns)
    read = Cohort(frame, issues, labels, "c", (), read_study(folder / "c.study.toml"))
    return open_cohort(read, **{"disclosure": "full", **choices})


def lung_frame():
    frame = pd.read_csv(REFERENCE / "regression_data_lung.csv").rename(columns={"ph_ecog": "ecog"})
    kept = frame[["time", "age", "wt_loss"]].astype(float)
    kept["sex"] = frame["sex"].map({1: "male", 2: "female"})
    kept["status"] = frame["event"].map({0: "alive", 1: "dead"})
    kept["ecog"] = frame["ecog"].map(lambda level: f"ecog {level:g}", na_action="ignore")
    return kept.assign(patient_id=[f"p{i}" for i in range(len(kept))])


def colon_frame():
    frame = pd.read_csv(REFERENCE / "own_report_colon.csv")
    frame["rx"] = pd.Categorical(frame["rx"], ["Obs", "Lev", "Lev+5FU"])
    frame["differ"] = frame["differ"].map({1: "well", 2: "moderate", 3: "poor"})
    return frame.assign(patient_id=frame.pop("id").astype(str))


def pbc_frame():
    frame = pd.read_csv(REFERENCE / "own_report_pbc.csv")
    frame["stage"] = frame["stage"].map(lambda stage: f"stage {stage}")
    return frame.assign(patient_id=frame.pop("id").astype(str))


def texts(shown):
    return "\n".join(map(str, getattr(shown, "shown", [shown])))


def handed(shown):
    """The files that a section handed over: name → bytes."""
    found = {}
    for one in getattr(shown, "shown", [shown]):
        for name, content in one.bundle.get(FILES_MIME, {"files": {}})["files"].items():
            found[name] = base64.b64decode(content)
    return found


def csv_of(shown, name):
    return pd.read_csv(io.BytesIO(handed(shown)[f"{name}.csv"]))


@pytest.fixture(scope="module")
def lung(tmp_path_factory):
    choices = {"groups": ["sex", "ecog"], "cuts": ["age <= 60"], "adjust": ["age", "wt_loss"]}
    choices |= {"landmarks": [180, 365], "references": {"sex": "male"}}
    choices |= {"covariates": ["age per 10", "sex", "wt_loss"]}
    return opened(tmp_path_factory.mktemp("lung"), lung_frame(), LUNG + DEATH, **choices)


def ratios(table, prefix=""):
    return table[[f"{prefix}{name}" for name in ("hazard_ratio", "lower", "upper")]].to_numpy()


def test_curves_and_follow_up_are_rs_in_days(lung):
    # summary(survfit(Surv(time, status == 2) ~ 1, lung, conf.type = "log-log"), times = c(180,
    # 365)): 0.72167 (0.65830 to 0.77531), 0.40924 (0.33871 to 0.47838); quantile(...): 310, 284 to
    # 361; of Surv(time, status == 1): 588 (511 to 821).
    told = texts(show_endpoints(lung))
    assert "Overall survival | 228 | 165 | 180 | 72% | 66% to 78%" in told
    assert "Overall survival | 228 | 165 | 365 | 41% | 34% to 48%" in told
    assert "Overall survival | 228 | 165 | median | 310 days | 284 days to 361 days" in told
    assert "588 days (95% interval 511 days to 821 days)" in texts(show_follow_up(lung))
    assert "72% (66% to 78%) at 180 days" in texts(show_summary(lung))


def test_groups_are_compared_with_rs_tests_and_ratios_alone_and_adjusted(lung):
    # survdiff(Surv(time, status) ~ sex, lung)$pvalue: 0.00131; coxph(... ~ sex): 0.58800 (0.42372
    # to 0.81598); ~ sex + age + wt.loss: 0.59391 (0.42200 to 0.83585) in 214 complete cases.
    # ~ I(age > 60): 1.24129 (0.90733 to 1.69818), survdiff 0.17563.
    shown = show_groups(lung)
    told = texts(shown)
    assert "Log-rank test of all 2 levels as recorded (asymptotic): P = 0.001." in told
    assert "Log-rank test of all 2 levels as recorded (asymptotic): P = 0.18." in told
    assert "Log-rank P = 0.001 (asymptotic)" in told
    assert "HR 0.59 (95% CI 0.42 to 0.82), female vs male" in told  # on the figure, and as its alt
    table = csv_of(shown, "tbl-groups").set_index("comparison")
    sex = table.loc[["Sex: female vs male"]]
    assert ratios(sex)[0] == pytest.approx([0.58800, 0.42372, 0.81598], abs=1e-5)
    assert ratios(sex, "adjusted_")[0] == pytest.approx([0.59391, 0.42200, 0.83585], abs=1e-5)
    assert sex["complete_cases"].tolist() == [214]
    cut = table.loc[["Age ≤ 60: > 60 vs ≤ 60"]]
    assert ratios(cut)[0] == pytest.approx([1.24129, 0.90733, 1.69818], abs=1e-5)


@pytest.mark.slow
def test_a_sparse_group_has_both_tests_each_named(lung):
    # survdiff(Surv(time, status) ~ ph.ecog, lung)$pvalue: 6.6e-05; one patient has ecog 3.
    told = texts(show_groups(lung))
    both = (
        r"levels as recorded \(permutation\): P = 0\.00\d\. The asymptotic test gives P <0\.001\."
    )
    assert re.search(both, told)


def test_models_alone_and_together_are_rs(lung):
    # coxph(s ~ I(age / 10)): 1.20587 (1.00692 to 1.44412), P 0.04185; sex (male first) 0.58800;
    # wt.loss 1.00132, 152 events. Together: 1.22248, 0.59391, 1.00076, P 0.03766, 0.00280, 0.90239;
    # 214 patients, 152 events, summary()$logtest P 0.00212, cox.zph GLOBAL 0.391; alone 0.556,
    # 0.0906, 0.830.
    shown = show_hazard_ratios(lung)
    table = csv_of(shown, "tbl-hazard-overall-survival")
    assert table["level"].tolist() == ["per 10", "female", "per unit"]
    alone = [1.20587, 1.00692, 1.44412], [0.58800, 0.42372, 0.81598], [1.00132, 0.98946, 1.01332]
    assert ratios(table) == pytest.approx(pd.DataFrame(alone).to_numpy(), abs=1e-5)
    assert table["p_value"].tolist() == pytest.approx([0.041853, 0.001491, 0.828197], abs=1e-5)
    together = (
        [1.22248, 1.01153, 1.47742],
        [0.59391, 0.42200, 0.83585],
        [1.00076, 0.98869, 1.01298],
    )
    assert ratios(table, "adjusted_") == pytest.approx(pd.DataFrame(together).to_numpy(), abs=1e-5)
    assert table["adjusted_p_value"].tolist() == pytest.approx(
        [0.037655, 0.002805, 0.902388], abs=1e-5
    )
    assert table["proportional_p"].tolist() == [0.56, 0.09, 0.83]
    assert table["left_out"].tolist() == [0, 0, 14]
    assert table["events"].tolist() == [165, 53, 152]
    assert table["events_per_variable"].tolist() == [165, 165, 152]
    said = texts(shown)
    assert "214 complete cases with 152 events, 14 left out for a missing value; EPV 51" in said
    assert (
        "likelihood-ratio test of all covariates: P = 0.002; proportional hazards of all: P = 0.39"
        in said
    )


def test_subgroups_and_their_interaction_are_rs(lung):
    # coxph(s ~ age > 60, subset = sex == 1): 1.35186 (0.91484 to 1.99763); sex == 2: 0.92193;
    # anova(coxph(s ~ a + sex), coxph(s ~ a * sex)): chisq 1.25844, P 0.26195.
    table = csv_of(show_subgroups(lung), "tbl-subgroups-age-upto-60").set_index("subgroup")
    assert ratios(table.loc[["Sex: male"]])[0] == pytest.approx(
        [1.35186, 0.91484, 1.99763], abs=1e-5
    )
    assert ratios(table.loc[["Sex: female"]])[0] == pytest.approx(
        [0.92193, 0.53545, 1.58739], abs=1e-5
    )
    assert table["interaction"].dropna().iloc[0] in (0.26, "0.26")
    assert table.loc["All patients", "hazard_ratio"] == pytest.approx(1.24129, abs=1e-5)


def test_complete_cases_are_set_against_all(lung):
    # coxph(s ~ sex, subset = complete.cases(age, sex, wt.loss)): 0.58175 (0.41363 to 0.81822).
    told = texts(show_sensitivity(lung))
    assert "Sex: female vs male | 0.59 (0.42 to 0.82) | 0.58 (0.41 to 0.82)" in told
    assert "complete cases (214)" in told


def test_table_one_has_standardised_differences(lung):
    # By sex: age (m1 - m2) / sqrt((var1 + var2) / 2) = 0.25158. By hand, of levels: of 4 and 4
    # patients with shares 3/4 and 1/4, sqrt(0.5^2 / (3/16)) = 1.1547.
    told = texts(show_table_one(lung))
    assert re.search(r"Age \| mean \(SD\) \| .* \| 0\.25\n", told)
    groups = pd.Series(list("aaaabbbb"))
    assert standardised_difference(pd.Series(list("xxxyxyyy")), groups) == pytest.approx(1.154701)
    lone = pd.Series(["x"] * 8)
    assert pd.isna(standardised_difference(lone, groups))


def test_levels_of_three_groups_are_drawn_tested_and_ordered_as_declared(tmp_path):
    # colon, etype == 2: survdiff(Surv(time, status) ~ rx)$pvalue: 0.0029; coxph: Lev 0.97371
    # (0.78441 to 1.20871), Lev+5FU 0.68955 (0.54637 to 0.87027) against Obs; n = 310, 304, 315.
    own = opened(tmp_path, colon_frame(), COLON + DEATH, groups=["rx"], covariates=["rx"],
                 endpoints=["overall_survival"])  # fmt: skip
    shown = show_groups(own)
    assert "test of all 3 levels as recorded (asymptotic): P = 0.003." in texts(shown)
    table = csv_of(shown, "tbl-groups")
    assert ratios(table) == pytest.approx(
        pd.DataFrame([[0.97371, 0.78441, 1.20871], [0.68955, 0.54637, 0.87027]]).to_numpy(),
        abs=1e-5,
    )
    curve = csv_of(shown, "tbl-curve-groups-rx-overall-survival")
    assert curve.groupby("group", sort=False)["at_risk"].first().to_dict() == {
        "Obs": 315, "Lev": 310, "Lev+5FU": 304
    }  # fmt: skip


def test_the_landmark_and_the_time_dependent_model_are_rs(tmp_path):
    # lm <- subset(colon, time > 365); g: relapse <= 365: 699 without (231 deaths), 152 with (143);
    # coxph(Surv(time - 365, d) ~ g): 9.35313 (7.50397 to 11.65798). S(365) 0.94413 and 0.38816.
    # coxph(Surv(tstart, tstop, death) ~ happened, tmerge(..., tdc(relapse))): 52.72651 (38.00089 to
    # 73.15841); 461 intervals after a relapse, 409 deaths in them.
    own = opened(tmp_path, colon_frame(), COLON + DEATH, landmarks=[365])
    shown = show_landmark(own)
    told = texts(shown)
    assert "Hazard ratio: HR 9.35 (95% CI 7.50 to 11.66), relapse until then vs no relapse" in told
    assert "Left out, as their follow-up had ended by then: 78." in told
    curve = csv_of(shown, "tbl-curve-landmark-event")
    for group, share, n in (
        ("no relapse until then", 0.94413, 699),
        ("relapse until then", 0.38816, 152),
    ):
        mine = curve[(curve["group"] == group) & (curve["time"] <= 365)]
        assert mine["survival"].iloc[-1] == pytest.approx(share, abs=1e-5)
        assert mine["at_risk"].iloc[0] == n
    table = csv_of(show_time_dependent(own), "tbl-time-dependent")
    assert ratios(table)[0] == pytest.approx([52.72651, 38.00089, 73.15841], rel=1e-5)
    assert table.loc[0, ["patients", "deaths"]].tolist() == [461, 409]


def test_missing_values_leave_patients_out_of_a_model_only(tmp_path):
    # coxph(s ~ I(age / 10) + sex + nodes + factor(differ, levels = c(2, 1, 3))): 888 patients, 430
    # events; age 1.05960, nodes 1.09276 (1.07316 to 1.11271), poor 1.35586 (1.05837 to 1.73696).
    covariates = ["age per 10", "sex", "nodes", "differ"]
    own = opened(tmp_path, colon_frame(), COLON + DEATH, covariates=covariates,
                 endpoints=["overall_survival"])  # fmt: skip
    shown = show_hazard_ratios(own)
    table = csv_of(shown, "tbl-hazard-overall-survival").set_index("term")
    assert ratios(table.loc[["nodes, per unit"]], "adjusted_")[0] == pytest.approx(
        [1.09276, 1.07316, 1.11271], abs=1e-5
    )
    assert table.loc["differ: poor vs moderate", "adjusted_hazard_ratio"] == pytest.approx(
        1.35586, abs=1e-5
    )
    assert "888 complete cases with 430 events, 41 left out" in texts(shown)


def test_competing_risks_and_grays_test_are_rs(tmp_path):
    # cmprsk::cuminc(time, c, sex)$Tests: pv 0.06655 (dead), 0.66713 (transplant); incidence at 1825
    # and 3650 days 0.28374, 0.53047 (dead), 0.04406, 0.07915; limits of survfit's multi-state
    # curve 0.23665 to 0.34019. survdiff(Surv(time, c == 1) ~ sex)$pvalue: 0.0388.
    own = opened(tmp_path, pbc_frame(), PBC, groups=["sex"], landmarks=[1825, 3650])
    told = texts(show_competing_risks(own))
    assert "death: P = 0.07; transplant: P = 0.67" in told
    assert "Death before transplant | death | 1825 | 28% | 24% to 34%" in told
    assert "Death before transplant | death | 3650 | 53% |" in told
    assert "Death before transplant | transplant | 3650 | 8% |" in told
    assert "P = 0.04" in texts(show_groups(own))
    flow = texts(show_flow(own))
    assert "with the event | 125" in flow
    assert "with a competing event | 19" in flow
    assert "censored | 168" in flow


def test_unknown_causes_are_counted_both_ways(tmp_path):
    # The 19 transplants called unknown: 125 + 19 events or 125; by R at 1825 days 1 - 0.28374 where
    # they compete is not Kaplan-Meier: survfit(Surv(time, c > 0) ~ 1) gives 0.672, c == 1: 0.709.
    frame = pbc_frame().replace({"status": {"transplant": "unknown"}})
    own = opened(tmp_path, frame, PBC, landmarks=[1825])
    told = texts(show_sensitivity(own))
    assert "all were the event | 19 | 144 | 1825 | 67%" in told
    assert "none was the event | 19 | 125 | 1825 | 71%" in told
    safe = opened(tmp_path, frame, PBC, landmarks=[1825], disclosure="safe", min_count=20)
    told = texts(show_flow(safe)) + texts(show_summary(safe)) + texts(show_sensitivity(safe))
    assert "19" not in told
    assert "fewer than 20 causes are unknown" in told


def test_what_is_known_only_later_makes_no_plain_group_and_gets_its_landmark(tmp_path):
    frame = lung_frame().assign(surgery=[True, False] * 114)
    for choice in ({"groups": ["surgery"]}, {"covariates": ["surgery"]}, {"adjust": ["surgery"]}):
        with pytest.raises(ChoiceError, match="immortal time.*from a landmark"):
            opened(tmp_path, frame, LUNG + DEATH, **choice)
    told = texts(show_landmark(opened(tmp_path, frame, LUNG + DEATH, landmarks=[180])))
    assert "Overall survival after day 180 by surgery" in told
    assert "holds only if it was settled by day 180" in told
    with pytest.raises(ChoiceError, match="relapse is known only.*and as a time-dependent"):
        opened(tmp_path, colon_frame(), COLON + DEATH, groups=["relapse"])


HEART = """
[study]
unit = "days"
[columns.patient_id]
from = "id"
kind = "id"
[columns.status]
from = "event"
kind = "category"
levels = { 0 = "alive", 1 = "dead" }
[columns.transplant]
kind = "category"
known = "later"
[columns.start]
kind = "duration"
[columns.time]
from = "stop"
kind = "duration"
[time]
rows = "intervals"
start = "start"
end = "time"
"""


def test_a_column_that_changes_between_rows_keeps_the_time_it_changed(tmp_path):
    # heart: coxph(Surv(start, stop, event) ~ transplant): 1.1356 (0.6293 to 2.0490). Of those
    # followed for more than 30 days, by a transplant until then: 1.0542 (0.6074 to 1.8298),
    # survdiff 0.0361; by a transplant at any time, which gives immortal time, it is 0.39.
    frame = load_stanford_heart_transplants()[["id", "start", "stop", "event", "transplant"]]
    table, study = tmp_path / "heart.csv", tmp_path / "heart.study.toml"
    frame.to_csv(table, index=False)
    study.write_text(HEART + DEATH, encoding="utf-8")
    own = open_cohort(table, disclosure="full", landmarks=[30])
    assert own.patients["transplant"].notna().sum() == 69
    told = texts(show_landmark(own))
    assert "HR 1.05 (95% CI 0.61 to 1.83)" in told
    assert "P = 0.85" in told
    assert "Left out, as their follow-up had ended by then: 24" in told
    assert "transplant | 69 | 45 | 1.14 (0.63 to 2.05)" in texts(show_time_dependent(own))
    frame.loc[frame["id"] == 3, "transplant"] = [1, 0]  # given and taken back: no time of it
    frame.to_csv(table, index=False)
    own = open_cohort(table, disclosure="full", landmarks=[30])
    assert "transplant" not in own.patients
    assert "otherwise than once" in own.cohort.issues["problem"].iloc[0]


def test_a_number_that_is_a_group_is_compared_by_its_levels(tmp_path):
    # pbc: coxph(Surv(time, status == 2) ~ factor(edema)), 312 randomised; here a code of the sex:
    # the ratio of the second level, not one per unit
    frame = pbc_frame().replace({"status": {"transplant": "unknown"}})
    coded = frame.assign(code=frame["sex"].map({"female": 0.5, "male": 1.0, "f": 0.5, "m": 1.0}))
    study = PBC.replace("[time]", '[columns.code]\nkind = "number"\nlabel = "Sex"\n[time]')
    study = study.replace("[time]", '[columns.sex]\nkind = "category"\nlabel = "Sex"\n[time]')
    own = opened(tmp_path, coded, study, groups=["code", "sex"], landmarks=[1825])
    told = texts(show_groups(own))
    assert "per unit" not in told
    assert "1.0 vs 0.5" in told or "1 vs 0.5" in told
    # two columns of one label are told apart, and unknown causes stand among those that compete
    assert "Sex (code) |" in texts(show_table_one(own))
    incidence = texts(show_competing_risks(own))
    assert "transplant or of unknown cause" in incidence
    assert not re.search(r"\.[A-Z]", incidence.replace("P = 0.", ""))


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ({"cuts": ["age = 60"]}, 'written "age <= 55"'),
        ({"cuts": ["sex <= 2"]}, "holds no numbers"),
        ({"cuts": ["bmi <= 2"]}, "no column to cut 'bmi'"),
        ({"cuts": ["time <= 2"]}, "time is an outcome"),
        ({"covariates": ["sex per 10"]}, "no number"),
        ({"references": {"gender": "m"}}, "no column of a reference level 'gender'"),
    ],
)
def test_a_choice_that_does_not_fit_the_columns_is_refused(tmp_path, choice, says):
    with pytest.raises(ChoiceError, match=says):
        opened(tmp_path, lung_frame(), LUNG + DEATH, **choice)


@pytest.mark.parametrize(("cut", "n"), [("age <= 60", 94), ("age < 60", 83), ("age > 60", 134)])
def test_the_closure_of_a_cut_is_as_written(tmp_path, cut, n):
    # sum(lung$age <= 60), sum(lung$age < 60), sum(lung$age > 60): 94, 83, 134
    own = opened(tmp_path, lung_frame(), LUNG + DEATH, cuts=[cut])
    assert own.patients[cut].value_counts()[own.patients[cut].cat.categories[0]] == n


def test_the_papers_stand_beside_their_own_disease_only(tmp_path):
    assert texts(show_comparison(opened(tmp_path, pbc_frame(), PBC))) == ""


def whole(own):
    """Run the sections of a report that a manuscript rests on."""
    shown = {}
    for show in (show_flow, show_table_one, show_groups, show_hazard_ratios):
        shown |= handed(show(own))
    return shown | handed(show_manuscript(own))


@pytest.mark.slow
def test_a_manuscript_gets_its_files_and_a_checklist_that_says_what_it_knows(tmp_path):
    from docx import Document
    from openpyxl import load_workbook

    frame = lung_frame().assign(sex=lambda f: f["sex"].replace("male", "=male"))
    choices = {"cuts": ["age <= 60"], "references": {"sex": "=male"}}
    own = opened(tmp_path, frame, LUNG + DEATH, paper=True, **choices)
    made = whole(own)
    figure = "fig-groups-age-upto-60-overall-survival"
    assert made[f"{figure}.pdf"].startswith(b"%PDF")
    assert b"<svg" in made[f"{figure}.svg"]
    assert made[f"{figure}-600dpi.png"][1:4] == b"PNG"
    words = Document(io.BytesIO(made["tables.docx"]))
    captions = [p.text for p in words.paragraphs if p.text]
    assert captions[0] == "Table 1. From the file to each endpoint: patients."
    assert len(words.tables) == len(own.tables) - 1  # the checklist has a file of its own
    book = load_workbook(io.BytesIO(made["tables.xlsx"]))
    sheet = next(s for s in book if "hazard-overall" in s.title)
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert any(cell.value == pytest.approx(0.588003, abs=1e-6) for cell in cells
               if isinstance(cell.value, float))  # fmt: skip
    assert not [c for s in book for row in s.iter_rows() for c in row if c.data_type == "f"]
    methods = made["methods.txt"].decode()
    assert "Kaplan–Meier method from randomisation, in days" in methods
    assert "vlms" in methods
    checklist = checklist_of(own).set_index("item")["answer"]
    numbers = {label: f"Table {k}" for k, (label, *_) in enumerate(own.tables, 1)}
    assert numbers["tbl-one"] in checklist["14a"]
    assert numbers["tbl-hazard-overall-survival"] in checklist["16a"]
    assert checklist["12d"].startswith("those without the event")
    assert "Age ≤ 60" in checklist["16b"]
    assert (checklist[["1a", "2", "9", "12e", "18", "22"]] == AUTHORS).all()
    assert not checklist.index.str.startswith("R").any()
    with zipfile.ZipFile(io.BytesIO(made["checklist.docx"])) as archive:
        assert "authors to state" in archive.read("word/document.xml").decode()


def test_a_safe_manuscript_has_pixels_only_and_a_made_up_one_is_refused(tmp_path):
    own = opened(tmp_path, lung_frame(), LUNG + DEATH, paper=True, disclosure="safe")
    made = handed(show_endpoints(own))
    assert {Path(name).suffix for name in made} == {".png", ".csv"}
    assert "600-dpi PNG only" in texts(show_manuscript(own))
    for marked in ({"synthetic": True}, {"provenance": "made up"}):
        with pytest.raises(ChoiceError, match="made up or synthetic"):
            opened(tmp_path, lung_frame().assign(**marked), LUNG + DEATH, paper=True)


@pytest.mark.slow
def test_methods_name_what_ran_and_nothing_else(lung, tmp_path):
    own = opened(tmp_path, lung_frame(), LUNG + DEATH)
    show_endpoints(own)
    said = texts(show_methods(own))
    assert "Kaplan–Meier" in said
    for absent in ("log-rank", "Cox", "landmark", "interaction", "Gray", "complete cases"):
        assert absent not in said
    show_subgroups(lung)
    assert "likelihood-ratio tests of interaction" in texts(show_methods(lung))


def test_patients_who_enter_late_are_at_risk_from_then_on(tmp_path):
    # heart: coxph(Surv(entry, time, event) ~ transplant): 1.13558 (0.62934 to 2.04903), sctest P
    # 0.673; survfit(Surv(entry, time, event) ~ 1, conf.type = "log-log"): S(90) 0.51417 (0.41253 to
    # 0.60669), median 100 (69 to 219); follow-up 51 (32 to 109).
    frame = pd.read_csv(REFERENCE / "regression_data_heart.csv")
    frame = frame.assign(patient_id=[f"r{i}" for i in range(len(frame))])
    frame["status"] = frame.pop("event").map({0: "alive", 1: "dead"})
    frame["transplant"] = frame["transplant"].map({0: "no", 1: "yes"})
    study = LUNG.split("[columns.sex]")[0].replace('"age", "sex", "wt_loss"', "")
    study += '[columns.entry]\nkind = "duration"\n[time]\nend = "time"\nentry = "entry"\n' + DEATH
    choices = {"groups": ["transplant"], "landmarks": [90], "references": {"transplant": "no"}}
    own = opened(tmp_path, frame, study, **choices)
    told = texts(show_endpoints(own))
    assert "| 90 | 51% | 41% to 61%" in told
    assert "median | 100 days | 69 days to 219 days" in told
    assert "51 days (95% interval 32 days to 109 days)" in texts(show_follow_up(own))
    shown = show_groups(own)
    assert "(score test): P = 0.67" in texts(shown)
    assert ratios(csv_of(shown, "tbl-groups"))[0] == pytest.approx(
        [1.13558, 0.62934, 2.04903], abs=1e-5
    )
    own = opened(tmp_path, frame, study, disclosure="safe", **choices)
    assert "curves with delayed entry are shown in full only" in texts(show_endpoints(own))


def test_a_section_that_shows_nothing_leaves_no_heading_on_the_page():
    from nbformat import v4

    from vlms.pages.page import make_page

    def cell(tag, *outputs):
        made = v4.new_code_cell("show()", metadata={"tags": tag})
        made.outputs = list(outputs)
        return made

    said = v4.new_output("display_data", {"text/plain": "said"})
    cells = [v4.new_markdown_cell("# Title"), cell([])]
    cells += [v4.new_markdown_cell("## Idle"), cell(["optional"]), cell(["optional"])]
    cells += [v4.new_markdown_cell("## Half"), cell(["optional"]), cell(["optional"], said)]
    cells += [v4.new_markdown_cell("## Plain"), cell([])]
    page = make_page(
        v4.new_notebook(cells=cells), colophon={"inputs": {}, "Parameters": "", "built": ""}
    )
    assert "Idle" not in page
    assert "Half" in page
    assert "Plain" in page
