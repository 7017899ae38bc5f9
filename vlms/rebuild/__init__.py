"""From printed facts to synthetic cohorts that print them, and to bounds of what is not printed.

A cohort that is drawn here is nobody's data: it agrees with what is printed and is made up in all
else, by stated laws (vlms.rebuild.drawing). It carries a column `synthetic`, ids that begin so and,
in a file, a mark in the metadata. Ensembles describe what the unprinted values of *this* sample can
have been; they are no confidence intervals.

Existing tools need a digitised curve and give one cohort: IPDfromKM (Liu, Zhou and Lee, BMC Med Res
Methodol 2021;21:111) and reconstructKM after Guyot, Ades, Ouwens and Welton (ibid. 2012;12:9).
"""

from vlms.rebuild.bounds import bounds, over_cohorts
from vlms.rebuild.cohorts import InfeasibleError, rebuild, repaired, write_cohorts
from vlms.rebuild.coverage import coverage_table
from vlms.rebuild.problem import RebuildError
from vlms.rebuild.repairs import repairs

__all__ = [
    "InfeasibleError",
    "RebuildError",
    "bounds",
    "coverage_table",
    "over_cohorts",
    "rebuild",
    "repaired",
    "repairs",
    "write_cohorts",
]
