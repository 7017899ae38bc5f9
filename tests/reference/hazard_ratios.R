# Hazard ratios, limits and P values of real Cox models, for tests that print and then check them.
# R 4.2.2, survival 3.5-3; run from this folder: Rscript hazard_ratios.R

library(survival)
set.seed(1972)
rows <- list()

# One row a coefficient. kind: binary (0/1), level (of a factor, against its reference), continuous.
fit <- function(data, frame, response, covariates, extra = "", variance = "model",
                conf = 0.95, ...) {
  formula <- paste0(response, " ~ ", paste(covariates, collapse = " + "), extra)
  if (variance == "weighted") weights <- frame$w else weights <- rep(1, nrow(frame))
  model <- tryCatch(coxph(as.formula(formula, environment()), frame, weights, x = TRUE, ...),
                    error = function(e) NULL, warning = function(w) NULL)
  if (is.null(model)) return(invisible())
  limits <- summary(model, conf.int = conf)$conf.int
  p <- summary(model)$coefficients
  spread <- lengths(model$assign)
  for (i in seq_len(nrow(limits))) {
    values <- sort(unique(model$x[, i]))
    two <- length(values) == 2 && diff(values) == 1
    term <- names(model$assign)[sapply(model$assign, function(at) i %in% at)]
    rows[[length(rows) + 1]] <<- data.frame(
      data, formula, term = rownames(limits)[i],
      kind = if (!two) "continuous" else if (spread[[term]] > 1) "level" else "binary",
      variance, confidence = conf,
      hr = limits[i, 1], lower = limits[i, 3], upper = limits[i, 4], p = p[i, ncol(p)],
      events = model$nevent, n = model$n,
      with = if (two) sum(model$x[, i] == values[2]) else NA,
      without = if (two) sum(model$x[, i] == values[1]) else NA)
  }
}

all_fits <- function(data, frame, response, covariates, cluster = NULL, strata = NULL) {
  frame$w <- runif(nrow(frame), 0.3, 3)
  made_up <- sample(nrow(frame) %/% 4, nrow(frame), TRUE)
  frame$site <- if (is.null(cluster)) made_up else frame[[cluster]]
  one <- function(...) fit(data, frame, response, ...)
  for (v in covariates) {
    one(v)
    one(v, ties = "breslow", conf = 0.9)
    one(v, variance = "robust", robust = TRUE)
    one(v, " + cluster(site)", "robust")
    one(v, variance = "weighted")
    if (!is.null(strata) && v != strata) one(v, paste0(" + strata(", strata, ")"))
  }
  one(covariates)
  one(covariates, " + cluster(site)", "robust")
}

lung <- within(lung, {
  female <- sex - 1
  over65 <- as.integer(age > 65)
  ecog <- factor(ph.ecog)
  grade <- ordered(ph.ecog)
})
all_fits("lung", lung, "Surv(time, status)",
         c("age", "female", "ph.ecog", "ecog", "grade", "wt.loss", "over65"), "inst", "female")
veteran$treated <- veteran$trt - 1
all_fits("veteran", veteran, "Surv(time, status)",
         c("treated", "celltype", "karno", "diagtime", "age"), NULL, "celltype")
all_fits("ovarian", ovarian, "Surv(futime, fustat)", c("age", "rx", "resid.ds"))
all_fits("aml", aml, "Surv(time, status)", "x")
all_fits("kidney", kidney, "Surv(time, status)", c("age", "sex", "disease"), "id", "sex")
primary <- subset(pbc, !is.na(trt))
all_fits("pbc", primary, "Surv(time, status == 2)",
         c("trt", "age", "edema", "hepato", "log(bili)", "albumin", "factor(stage)"))
all_fits("gbsg", gbsg, "Surv(rfstime, status)",
         c("age", "meno", "factor(grade)", "nodes", "er", "hormon"), NULL, "meno")
all_fits("colon", subset(colon, etype == 2), "Surv(time, status)",
         c("rx", "age", "obstruct", "nodes", "extent"))
all_fits("heart", heart, "Surv(start, stop, event)", c("age", "surgery", "transplant"), "id")
months <- within(veteran[sample(nrow(veteran), 30), ], time <- ceiling(time / 30.4375))
all_fits("veteran, 30 in months", months, "Surv(time, status)", c("treated", "karno", "prior"))

table <- do.call(rbind, rows)
table <- table[is.finite(table$lower) & is.finite(table$upper) & table$upper < 1e4, ]
for (name in c("hr", "lower", "upper", "p")) table[[name]] <- signif(table[[name]], 8)
write.csv(table, "hazard_ratios.csv", row.names = FALSE, na = "", quote = 1:3)
