# Data of the own report's tests, from the R package survival: Rscript own_report.R
# The values that they are compared with stand in tests/test_own_cohort.py, each with its call.
suppressMessages(library(survival))
death <- subset(colon, etype == 2)
relapse <- subset(colon, etype == 1)
stopifnot(death$id == relapse$id)
wide <- with(death, data.frame(id, rx, sex = ifelse(sex == 1, "m", "f"), age, nodes, node4, differ,
  time, status = ifelse(status == 1, "dead", "alive"),
  relapse = ifelse(relapse$status == 1, relapse$time, NA)))
write.csv(wide, "own_report_colon.csv", row.names = FALSE, na = "", quote = FALSE)
kept <- with(pbc[1:312, ], data.frame(id, trt = ifelse(trt == 1, "penicillamine", "placebo"), sex,
  age = round(age, 3), bili, chol, stage, time, status = c("alive", "transplant", "dead")[status + 1]))
write.csv(kept, "own_report_pbc.csv", row.names = FALSE, na = "", quote = FALSE)
