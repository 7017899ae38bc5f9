# Reference values of the beta product confidence limits (package bpcp 1.4.2).
#
# Run by hand, from this folder, after survival.R:  Rscript beta_product.R
# Writes beta_product.csv. The mid-p limits of bpcp are good to three or four digits only.

library(bpcp)
library(survival)

data <- read.csv("survival_data.csv", colClasses = c(group = "character"))
names <- c("aml", "ovarian", "all_events", "one_event", "one_censored", "all_censored", "all_tied",
           "all_tied_mixed", "event_and_censoring_together", "late_first_event", "ends_at_half",
           "veteran_cell")
out <- list()
for (name in names) for (midp in c(FALSE, TRUE)) for (level in c(0.95, 0.9)) {
  d <- data[data$dataset == name, ]
  for (label in unique(d$group)) {
    own <- d[d$group == label, ]
    f <- bpcp(own$time, own$event, midp = midp, alpha = 1 - level)
    out[[length(out) + 1]] <- data.frame(
      dataset = name, group = label, midp = midp, confidence = level, time = f$L,
      lower = signif(f$lower, 13), upper = signif(f$upper, 13))
  }
}
write.csv(do.call(rbind, out), "beta_product.csv", row.names = FALSE, quote = FALSE)
