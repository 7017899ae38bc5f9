# Reference values of cumulative incidence (survival) and of Gray's test (cmprsk).
#
# Run by hand, from this folder:  Rscript competing_risks.R
# Needs R with the packages survival and cmprsk. Writes competing_risks_*.csv beside this script;
# the tests read those and need no R.

library(survival)
suppressPackageStartupMessages(library(cmprsk))

precise <- function(frame, digits = 13) {
  as.data.frame(lapply(frame, function(x) {
    if (is.double(x)) ifelse(is.na(x), "", formatC(x, digits = digits, format = "g", width = 1)) else
      as.character(x)
  }))
}
write <- function(frame, name, digits = 13) {
  write.csv(precise(frame, digits), paste0("competing_risks_", name, ".csv"), row.names = FALSE,
            quote = FALSE, na = "")
}
set <- function(name, time, cause, group = "all", stratum = "one") {
  data.frame(dataset = name, time = as.double(time), cause = as.integer(cause),
             group = as.character(group), stratum = as.character(stratum))
}

# Monoclonal gammopathy: progression to a malignancy (1) or death without it (2), first 300.
m <- head(mgus2, 300)
m$when <- with(m, ifelse(pstat == 0, futime, ptime))
m$what <- with(m, ifelse(pstat == 1, 1, 2 * death))
set.seed(20100)
sim <- data.frame(time = round(rexp(60, 0.05), 3), cause = sample(0:2, 60, TRUE, c(0.3, 0.4, 0.3)),
                  group = sample(c("a", "b", "c"), 60, TRUE))
tied <- transform(sim, time = ceiling(time / 4))
small <- head(sim, 12)
sets <- list(
  set("mgus", m$when, m$what, m$sex),
  set("mgus_young", m$when, m$what, ifelse(m$age < 70, "young", "old"), m$sex),
  set("pbc", pbc$time, pbc$status, ifelse(is.na(pbc$trt), "none", pbc$trt)),
  set("untied", sim$time, sim$cause, sim$group),
  set("tied", tied$time, tied$cause, tied$group),
  set("small", small$time, small$cause, ifelse(small$group == "a", "a", "other")),
  set("between_causes", c(1, 2, 2, 3, 4, 5, 6, 7), c(1, 2, 1, 0, 1, 2, 0, 1),
      c("a", "b", "a", "b", "a", "b", "a", "b")),
  set("three_causes", c(1, 1, 1, 2, 3, 3, 4, 5, 5, 6), c(1, 2, 3, 1, 0, 3, 2, 1, 0, 0)),
  set("one_cause", c(2, 3, 3, 5, 8), c(1, 0, 1, 1, 0)),
  set("time_zero", c(0, 0, 2, 3, 4), c(1, 0, 2, 1, 0)),
  set("last_is_event", c(1, 2, 3), c(1, 2, 2)))

curves <- list(); tests <- list()
for (data in sets) {
  causes <- sort(setdiff(unique(data$cause), 0))
  for (interval in c("log", "log-log", "plain", "logit")) for (g in sort(unique(data$group))) {
    part <- data[data$group == g, ]
    fit <- survfit(Surv(time, factor(cause, c(0, causes))) ~ 1, part, conf.type = interval)
    if (interval != "log" && nrow(part) > 50) next
    for (i in seq_along(causes)) {
      p <- fit$pstate[, i + 1]
      # At 0 and at 1 there is no interval; R fills in some of those limits, by scale.
      open <- p > 1e-12 & p < 1 - 1e-12
      keep <- if (nrow(part) > 50) seq(1, length(p), 9) else seq_along(p)
      curves[[length(curves) + 1]] <- data.frame(
        dataset = data$dataset[1], interval = interval, group = g, cause = causes[i],
        time = fit$time, at_risk = fit$n.risk[, 1], incidence = p, std_error = fit$std.err[, i + 1],
        lower = ifelse(open, fit$lower[, i + 1], NA), upper = ifelse(open, fit$upper[, i + 1], NA)
      )[keep, ]
    }
  }
  if (length(unique(data$group)) > 1) for (by in c("no", "yes")) {
    if (by == "yes" && length(unique(data$stratum)) == 1) next
    found <- if (by == "no") with(data, cuminc(time, cause, group))$Tests else
      with(data, cuminc(time, cause, group, stratum))$Tests
    tests[[length(tests) + 1]] <- data.frame(
      dataset = data$dataset[1], strata = by, cause = as.integer(rownames(found)),
      statistic = found[, "stat"], df = found[, "df"], p = found[, "pv"], row.names = NULL)
  }
}
write(do.call(rbind, sets), "data", 17)
write(do.call(rbind, curves), "incidence")
write(do.call(rbind, tests), "gray")
