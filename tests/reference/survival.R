# Reference values of Kaplan-Meier, its quantiles, restricted means, follow-up and log-rank tests.
#
# Run by hand, from this folder:  Rscript survival.R
# Needs R with the packages survival and coin. Writes survival_*.csv beside this script; the tests
# read those and need no R. Data: public data sets of the package survival, and tiny ones made up here.

library(survival)

number <- function(x, digits) ifelse(is.na(x), "", formatC(x, digits = digits, format = "g", width = 1))
# 13 digits tell any two estimates apart; the data keep 17, or noise ties would be rounded away.
write <- function(frame, name, digits = 13) {
  plain <- lapply(frame, function(x) if (is.double(x)) number(x, digits) else as.character(x))
  write.csv(as.data.frame(plain), paste0("survival_", name, ".csv"), row.names = FALSE, quote = FALSE)
}
set <- function(name, time, event, group = "all", stratum = "one", entry = NA) {
  data.frame(dataset = name, entry = as.double(entry), time = as.double(time),
             event = as.integer(event), group = as.character(group), stratum = as.character(stratum))
}

deaths <- subset(colon, etype == 2)
known <- subset(lung, !is.na(ph.ecog) & ph.ecog < 3)
sets <- list(
  # public, from the package survival
  set("aml", aml$time, aml$status, aml$x),
  set("lung_sex", lung$time, lung$status == 2, ifelse(lung$sex == 1, "m", "f"), "one"),
  set("lung_ecog_by_sex", known$time, known$status == 2, known$ph.ecog, known$sex),
  set("veteran_cell", veteran$time, veteran$status, veteran$celltype, veteran$trt),
  set("ovarian", ovarian$futime, ovarian$fustat, ovarian$rx, ovarian$resid.ds),
  set("kidney_sex", kidney$time, kidney$status, kidney$sex, kidney$disease),
  set("colon_rx", deaths$time, deaths$status, deaths$rx, deaths$sex),
  set("lung_months", round(lung$time / 30.4375, 1), lung$status == 2, lung$sex),
  set("heart_entry", heart$stop, heart$event, heart$surgery, entry = heart$start),
  set("lung_age_entry", lung$age + lung$time / 365.25, lung$status == 2, lung$sex, entry = lung$age),
  # made up: what a small cohort does to an estimator
  set("one_event", 5, 1),
  set("one_censored", 5, 0),
  set("all_censored", c(1, 2, 2, 7), 0),
  set("all_events", c(1, 2, 3, 4), 1),
  set("all_tied", c(3, 3, 3), 1),
  set("all_tied_mixed", c(3, 3, 3, 3), c(1, 0, 1, 0)),
  set("event_and_censoring_together", c(1, 2, 2, 3, 3, 4), c(1, 1, 0, 1, 0, 0)),
  set("event_at_zero", c(0, 0, 1, 2, 3), c(1, 0, 1, 0, 1)),
  set("censored_at_zero", c(0, 1, 2, 3), c(0, 1, 0, 1)),
  set("all_die_at_zero", c(0, 0), 1),
  set("late_first_event", c(1, 2, 3, 4, 5, 6), c(0, 0, 1, 0, 1, 0)),
  set("flat_at_half", c(1, 2, 3, 4, 5, 6), c(1, 1, 1, 0, 1, 1)),
  set("ends_at_half", c(1, 2, 3, 4), c(1, 1, 0, 0)),
  set("never_half", c(1, 2, 3, 4, 5), c(1, 0, 1, 0, 0)),
  set("noise_ties", c(0.3, 0.1 + 0.2, 0.7, 0.8 - 0.1, 1.1, 1.1 + 1e-9, 2), c(1, 0, 1, 1, 0, 1, 0)),
  set("noise_quantile", c(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0), c(1, 1, 1, 0, 1, 1, 1, 0, 0, 0)),
  set("two_tiny", c(1, 3, 3, 5, 2, 4, 6, 6), c(1, 1, 0, 1, 1, 0, 1, 1), rep(c("a", "b"), each = 4)),
  set("two_no_overlap", c(1, 2, 3, 7, 8, 9), 1, rep(c("a", "b"), each = 3)),
  set("one_group_without_events", c(1, 2, 3, 4, 5, 6), c(1, 1, 1, 0, 0, 0), rep(c("a", "b"), each = 3)),
  set("one_group_leaves_first", c(1, 1, 2, 3, 4), c(0, 0, 1, 1, 1), c("a", "a", "b", "b", "c")),
  set("three_tiny", c(1, 2, 3, 4, 5, 6, 7, 8, 9), c(1, 1, 0, 1, 1, 1, 0, 1, 1), rep(c("a", "b", "c"), 3),
      c(1, 1, 1, 2, 2, 2, 2, 1, 1)),
  set("entry_tiny", c(1, 4, 5, 6, 7), c(1, 1, 0, 1, 0), entry = c(0, 1, 2, 3, 0)),
  set("entry_gap", c(2, 4, 6, 6.5, 9), c(1, 0, 0, 1, 1), entry = c(1, 1, 5, 5.5, 8)),
  set("entry_dies_out", c(2, 4, 6, 6.5, 9), c(1, 1, 0, 1, 1), entry = c(1, 1, 5, 5.5, 8))
)
write(do.call(rbind, sets), "data", digits = 17)

fit_of <- function(d, ...) {
  y <- if (all(is.na(d$entry))) Surv(d$time, d$event) else Surv(d$entry, d$time, d$event)
  survfit(y ~ group, data = transform(d, group = factor(group)), ...)
}
groups_of <- function(fit, d) {
  if (is.null(fit$strata)) rep(d$group[1], length(fit$time))
  else rep(sub("group=", "", names(fit$strata)), fit$strata)
}

curves <- list(); quantiles <- list(); at <- list(); means <- list(); follow <- list(); tests <- list()
for (d in sets) {
  name <- d$dataset[1]
  delayed <- !all(is.na(d$entry))
  parts <- list()
  for (level in c(0.95, 0.9)) for (type in c("plain", "log", "log-log")) {
    if (level == 0.9 && type != "log-log") next
    fit <- survfit0(fit_of(d, conf.type = type, conf.int = level))
    # R leaves a log-log limit at S = 1 missing; the package gives 1 before the first event.
    one <- fit$surv == 1
    fit$lower[one] <- 1; fit$upper[one] <- 1
    key <- paste0(sub("-", "", type), round(100 * level))
    parts[[paste0("lower_", key)]] <- as.double(fit$lower)
    parts[[paste0("upper_", key)]] <- as.double(fit$upper)

    raw <- fit_of(d, conf.type = type, conf.int = level)
    probs <- c(0.1, 0.2, 0.25, 0.3, 0.5, 0.6, 0.75, 0.9)
    q <- quantile(raw, probs = probs)
    labels <- unique(groups_of(raw, d))
    for (i in seq_along(labels)) {
      row <- function(x) if (is.matrix(x)) x[i, ] else x
      quantiles[[length(quantiles) + 1]] <- data.frame(
        dataset = name, interval = type, confidence = level, group = labels[i], quantile = probs,
        time = as.double(row(q$quantile)), lower = as.double(row(q$lower)), upper = as.double(row(q$upper)))
    }
  }
  fit <- survfit0(fit_of(d))
  curves[[name]] <- data.frame(
    dataset = name, group = groups_of(fit, d), time = fit$time, at_risk = as.integer(fit$n.risk),
    events = as.integer(fit$n.event), censored = as.integer(fit$n.censor), survival = fit$surv,
    std_error = ifelse(fit$surv > 0, fit$std.err * fit$surv, NA),
    cumulative_hazard = fit$cumhaz, hazard_error = fit$std.chaz, parts)

  # Times between, on, before and after the observed ones; noise-free so that both sides can be exact.
  last <- max(d$time)
  for (label in unique(groups_of(fit, d))) {
    own <- d[d$group == label, ]
    one <- survfit0(fit_of(own, conf.type = "log-log"))
    wanted <- sort(unique(c(0, own$time[1], max(own$time), last * c(0.1, 0.25, 0.5, 0.8))))
    wanted <- wanted[wanted <= max(one$time)]
    if (name != "noise_ties") {
      s <- summary(one, times = wanted)
      at[[length(at) + 1]] <- data.frame(
        dataset = name, group = label, time = s$time, at_risk = as.integer(s$n.risk), survival = s$surv,
        lower = ifelse(s$surv == 1, 1, s$lower), upper = ifelse(s$surv == 1, 1, s$upper))
    }
    for (share in c(0.3, 0.7, 1)) {
      horizon <- max(own$time) * share
      if (!delayed && horizon > 0) {
        # summary() refuses a horizon before the first time; its own helper does not.
        m <- survival:::survmean(one, rmean = horizon)$matrix
        means[[length(means) + 1]] <- data.frame(
          dataset = name, group = label, horizon = horizon, rmst = m[["rmean"]], std_error = m[["se(rmean)"]])
      }
    }
    if (!delayed) {
      r <- quantile(survfit(Surv(time, 1 - event) ~ 1, data = own, conf.type = "log-log"), c(0.25, 0.5))
      follow[[length(follow) + 1]] <- data.frame(
        dataset = name, group = label, time = as.double(r$quantile[2]), lower = as.double(r$lower[2]),
        upper = as.double(r$upper[2]))
    }
  }

  if (!delayed && length(unique(d$group)) > 1) for (rho in c(0, 1, 0.5)) for (by in c(FALSE, TRUE)) {
    t <- try(if (by) survdiff(Surv(time, event) ~ group + strata(stratum), data = d, rho = rho)
             else survdiff(Surv(time, event) ~ group, data = d, rho = rho), silent = TRUE)
    if (inherits(t, "try-error")) next
    sums <- function(x) if (is.matrix(x)) rowSums(x) else x
    tests[[length(tests) + 1]] <- data.frame(
      dataset = name, rho = rho, stratified = by, statistic = as.double(t$chisq),
      df = sum(sums(t$exp) > 0) - 1, p_value = as.double(t$pvalue),
      group = sub("group=", "", names(t$n)), n = as.integer(t$n), observed = as.double(sums(t$obs)),
      expected = as.double(sums(t$exp)))
  }
}
write(do.call(rbind, curves), "curves")
write(do.call(rbind, quantiles), "quantiles")
write(do.call(rbind, at), "at")
write(do.call(rbind, means), "restricted_means")
write(do.call(rbind, follow), "follow_up")
write(do.call(rbind, tests), "log_rank")

# Pairwise tests, adjusted.
pairs <- list()
for (name in c("veteran_cell", "colon_rx", "three_tiny")) {
  d <- Filter(function(s) s$dataset[1] == name, sets)[[1]]
  both <- combn(sort(unique(d$group)), 2)
  raw <- sapply(seq_len(ncol(both)), function(j)
    survdiff(Surv(time, event) ~ group, data = d[d$group %in% both[, j], ])[c("chisq", "pvalue")])
  p <- unlist(raw["pvalue", ])
  pairs[[name]] <- data.frame(
    dataset = name, group_a = both[1, ], group_b = both[2, ], statistic = unlist(raw["chisq", ]), p_value = p,
    holm = p.adjust(p, "holm"), bonferroni = p.adjust(p, "bonferroni"), BH = p.adjust(p, "BH"))
}
write(do.call(rbind, pairs), "pairwise")

# Exact permutation tests by the package coin: two groups, scores with mid-ranks for ties.
suppressMessages(library(coin))
exact <- list()
for (name in c("aml", "ovarian", "two_tiny", "two_no_overlap", "one_group_without_events")) {
  d <- Filter(function(s) s$dataset[1] == name, sets)[[1]]
  for (ties in c("mid-ranks", "Hothorn-Lausen", "average-scores")) {
    t <- logrank_test(Surv(time, event) ~ factor(group), data = d, distribution = "exact", ties.method = ties)
    exact[[paste(name, ties)]] <- data.frame(
      dataset = name, ties = ties, statistic = as.double(statistic(t)), p_value = as.double(pvalue(t)))
  }
}
write(do.call(rbind, exact), "exact")
