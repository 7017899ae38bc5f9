# Reference values of Cox regression and of the test of proportional hazards.
#
# Run by hand, from this folder:  Rscript regression.R
# Needs R with the package survival (3.5). Writes regression_*.csv beside this script; the tests
# read those and need no R. Data: public data sets of the package survival, and tiny ones made up
# here.

library(survival)

precise <- function(frame, digits = 13) {
  as.data.frame(lapply(frame, function(x) {
    if (is.double(x)) ifelse(is.na(x), "", formatC(x, digits = digits, format = "g", width = 1)) else
      as.character(x)
  }))
}
write <- function(frame, name) {
  write.csv(precise(frame), paste0("regression_", name, ".csv"), row.names = FALSE, quote = FALSE,
            na = "")
}
tight <- coxph.control(eps = 1e-11, iter.max = 100)

lung$event <- as.integer(lung$status == 2)
lung$month <- ceiling(lung$time / 30.4375)
# A made-up day of birth puts the follow-up on the age scale.
lung$born <- round(lung$age * 365.25 - 50 * seq_len(nrow(lung)) %% 7)
lung$end <- lung$born + lung$time
names(lung) <- gsub(".", "_", names(lung), fixed = TRUE)
veteran$event <- veteran$status
veteran$celltype <- as.character(veteran$celltype)
ovarian <- data.frame(time = ovarian$futime, event = ovarian$fustat, age = ovarian$age,
                      resid = ovarian$resid.ds, rx = ovarian$rx, ecog = ovarian$ecog.ps)
kidney$event <- kidney$status
kidney$disease <- as.character(kidney$disease)
heart <- data.frame(entry = heart$start, time = heart$stop, event = heart$event, age = heart$age,
                    year = heart$year, surgery = heart$surgery,
                    transplant = as.integer(as.character(heart$transplant)), id = heart$id)
bladder <- data.frame(entry = bladder2$start, time = bladder2$stop, event = bladder2$event,
                      rx = bladder2$rx, size = bladder2$size, number = bladder2$number,
                      enum = bladder2$enum, id = bladder2$id)
bladder <- subset(bladder, time > entry)
pbc <- data.frame(time = pbc$time, event = as.integer(pbc$status == 2), age = pbc$age,
                  edema = pbc$edema, bili = pbc$bili, albumin = pbc$albumin,
                  protime = pbc$protime, sex = as.character(pbc$sex), stage = pbc$stage)
aml <- data.frame(time = aml$time, event = aml$status, x = as.character(aml$x))
# Therneau & Grambsch's worked examples (appendix E of Modeling Survival Data).
book1 <- data.frame(time = c(1, 1, 6, 6, 8, 9), event = c(1, 0, 1, 1, 0, 1), x = c(1, 1, 1, 0, 0, 0))
book2 <- data.frame(entry = c(1, 2, 5, 2, 1, 7, 3, 4, 8, 8), time = c(2, 3, 6, 7, 8, 9, 9, 9, 14, 17),
                    event = c(1, 1, 1, 1, 1, 1, 1, 0, 0, 0), x = c(1, 0, 0, 1, 0, 1, 1, 1, 0, 0))
tied <- data.frame(time = c(3, 3, 3, 3, 5, 5, 5, 5), event = c(1, 1, 1, 0, 1, 1, 0, 0),
                   x = c(0, 1, 1, 0, 1, 0, 0, 1), z = c(2.5, 1, 0, 3, 1.5, 4, 2, 0.5),
                   s = c(1, 1, 2, 2, 1, 1, 2, 2))
# Times equal but for rounding noise are ties.
noise <- data.frame(time = c(0.1 + 0.2, 0.3, 0.7, 0.1 * 7, 1.1, 1.1 + 1e-12, 2),
                    event = c(1, 1, 1, 0, 1, 1, 0), x = c(1, 0, 1, 1, 0, 1, 0))
collinear <- data.frame(time = 1:8, event = c(1, 1, 0, 1, 1, 0, 1, 1), x = c(1, 0, 2, 1, 0, 1, 3, 0),
                        y = c(2, 1, 0, 1, 5, 2, 2, 1), one = 7)
collinear$both <- collinear$x + collinear$y

data <- list(lung = lung, veteran = veteran, ovarian = ovarian, kidney = kidney, heart = heart,
             bladder = bladder, pbc = pbc, aml = aml, book1 = book1, book2 = book2, tied = tied,
             noise = noise, collinear = collinear)

case <- function(name, data, covariates, entry = "", time = "time", strata = "", cluster = "") {
  list(name = name, data = data, covariates = covariates, entry = entry, time = time,
       strata = strata, cluster = cluster)
}
cases <- list(
  case("lung_sex", "lung", "sex"),
  case("lung_three", "lung", c("age", "sex", "ph_ecog")),
  case("lung_all", "lung", c("age", "sex", "ph_ecog", "ph_karno", "pat_karno", "meal_cal", "wt_loss")),
  case("lung_by_sex", "lung", c("age", "ph_ecog"), strata = "sex"),
  case("lung_by_inst", "lung", c("age", "ph_ecog"), strata = "inst"),
  case("lung_inst_robust", "lung", c("age", "sex"), cluster = "inst"),
  case("lung_months", "lung", c("age", "sex", "ph_ecog"), time = "month"),
  case("lung_months_robust", "lung", c("age", "sex"), time = "month", cluster = "inst"),
  case("lung_age_scale", "lung", c("sex", "ph_ecog"), entry = "born", time = "end"),
  case("veteran_all", "veteran", c("trt", "celltype", "karno", "diagtime", "age", "prior")),
  case("veteran_cell", "veteran", "celltype"),
  case("veteran_by_cell", "veteran", c("trt", "karno"), strata = "celltype"),
  case("ovarian_age", "ovarian", "age"),
  case("ovarian_rx", "ovarian", "rx"),
  case("ovarian_all", "ovarian", c("age", "resid", "rx", "ecog")),
  case("kidney_cluster", "kidney", c("age", "sex", "disease"), cluster = "id"),
  case("kidney_plain", "kidney", c("age", "sex", "disease")),
  case("kidney_by_id", "kidney", "age", strata = "sex", cluster = "id"),
  case("heart_three", "heart", c("age", "year", "surgery", "transplant"), entry = "entry"),
  case("heart_robust", "heart", c("age", "transplant"), entry = "entry", cluster = "id"),
  case("heart_by_surgery", "heart", c("age", "transplant"), entry = "entry", strata = "surgery"),
  case("bladder_cluster", "bladder", c("rx", "size", "number"), entry = "entry", cluster = "id"),
  case("bladder_by_enum", "bladder", c("rx", "size", "number"), entry = "entry", strata = "enum",
       cluster = "id"),
  case("pbc_five", "pbc", c("age", "edema", "bili", "albumin", "protime")),
  case("pbc_stage", "pbc", c("stage", "sex")),
  case("aml", "aml", "x"),
  case("book1", "book1", "x"),
  case("book2", "book2", "x", entry = "entry"),
  case("tied", "tied", c("x", "z")),
  case("tied_by_s", "tied", "x", strata = "s"),
  case("noise", "noise", "x"),
  case("collinear", "collinear", c("x", "y", "both")),
  case("constant", "collinear", c("one", "x"))
)

fits <- list(); tests <- list()
for (this in cases) for (ties in c("efron", "breslow")) {
  frame <- data[[this$data]]
  outcome <- if (this$entry == "") sprintf("Surv(%s, event)", this$time) else
    sprintf("Surv(%s, %s, event)", this$entry, this$time)
  right <- c(this$covariates, if (this$strata != "") sprintf("strata(%s)", this$strata),
             if (this$cluster != "") sprintf("cluster(%s)", this$cluster))
  fit <- coxph(as.formula(paste(outcome, "~", paste(right, collapse = "+"))), frame, ties = ties,
               control = tight)
  s <- summary(fit, conf.int = 0.95)
  error <- sqrt(diag(as.matrix(fit$var)))
  naive <- sqrt(diag(as.matrix(if (is.null(fit$naive.var)) fit$var else fit$naive.var)))
  b <- coef(fit)
  error[is.na(b)] <- NA; naive[is.na(b)] <- NA
  fits[[length(fits) + 1]] <- data.frame(row.names = NULL,
    case = this$name, data = this$data, covariates = paste(this$covariates, collapse = " "),
    time = this$time, entry = this$entry, strata = this$strata, cluster = this$cluster, ties = ties,
    term = gsub(" ", "_", names(b)), coef = unname(b), std_error = error, naive = naive,
    lower = exp(unname(b) - qnorm(0.975) * error), upper = exp(unname(b) + qnorm(0.975) * error),
    p = unname(2 * pnorm(-abs(b / error))), n = fit$n, events = fit$nevent,
    loglik0 = fit$loglik[1], loglik = fit$loglik[2], lr = s$logtest["test"], lr_df = s$logtest["df"],
    wald = fit$wald.test, score = s$sctest["test"])
  if (!anyNA(b)) for (transform in c("km", "identity", "rank", "log")) {
    # Too few events for a second coefficient: R stops, there is no reference value.
    z <- tryCatch(cox.zph(fit, transform)$table, error = function(e) NULL)
    if (is.null(z)) next
    tests[[length(tests) + 1]] <- data.frame(row.names = NULL,
      case = this$name, ties = ties, transform = transform, term = rownames(z),
      chi2 = z[, "chisq"], df = z[, "df"], p = z[, "p"])
  }
}
write(do.call(rbind, fits), "cox")
write(do.call(rbind, tests), "zph")
for (name in names(data)) {
  used <- unique(unlist(lapply(Filter(function(this) this$data == name, cases), function(this)
    c(this$covariates, this$time, this$entry, this$strata, this$cluster))))
  frame <- data[[name]][, c(setdiff(used, ""), "event")]
  write.csv(precise(frame, 17), paste0("regression_data_", name, ".csv"), row.names = FALSE,
            quote = FALSE, na = "")
}
