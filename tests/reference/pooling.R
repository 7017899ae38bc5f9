# Reference values of pooled shares and hazard ratios.
#
# Run by hand, from this folder:  Rscript pooling.R
# Needs R with the package metafor. Writes pooling.csv beside this script; the tests read that and
# need no R.

suppressPackageStartupMessages(library(metafor))

shares <- list(four = list(x = c(5, 17, 30, 8), n = c(12, 63, 40, 9)),
               zero = list(x = c(0, 3, 12), n = c(10, 12, 12)),
               alike = list(x = c(10, 21, 31), n = c(20, 40, 60)),
               two = list(x = c(7, 40), n = c(12, 63)))
ratios <- list(five = list(y = c(0.59, 0.10, -0.22, 0.88, 0.41), s = c(0.207, 0.31, 0.4, 0.25, 0.15)),
               alike = list(y = c(0.2, 0.25, 0.22), s = c(0.3, 0.2, 0.4)),
               two = list(y = c(-0.5, 0.7), s = c(0.2, 0.3)))
methods <- c(fixed = "FE", `dersimonian-laird` = "DL", `paule-mandel` = "PM", reml = "REML")
# The default stops at a change of 1e-5 in the variance between studies.
sharp <- list(tol = 1e-13, threshold = 1e-13, maxiter = 10000)
rows <- list()
add <- function(what, set, y, v, ni = NULL) {
  for (m in names(methods)) for (t in c("z", "knha")) {
    fit <- rma(y, v, method = methods[[m]], test = t, control = if (m %in% c("paule-mandel", "reml")) sharp else list())
    back <- switch(what, ratio = exp, logit = transf.ilogit, `freeman-tukey` = NULL)
    p <- if (is.null(back)) predict(fit, transf = transf.ipft.hm, targs = list(ni = ni)) else
      predict(fit, transf = back)
    rows[[length(rows) + 1]] <<- data.frame(
      what = what, set = set, method = m, hartung_knapp = t == "knha", effect = fit$b[1], std_error = fit$se,
      p = fit$pval, tau2 = fit$tau2, i2 = fit$I2 / 100, q = fit$QE, q_p = fit$QEp,
      pooled = p$pred, lower = p$ci.lb, upper = p$ci.ub,
      predicted_lower = if (is.null(p$pi.lb)) NA else p$pi.lb, predicted_upper = if (is.null(p$pi.ub)) NA else p$pi.ub)
  }
}
for (s in names(shares)) {
  d <- shares[[s]]
  e <- escalc("PLO", xi = d$x, ni = d$n); add("logit", s, e$yi, e$vi)
  e <- escalc("PFT", xi = d$x, ni = d$n); add("freeman-tukey", s, c(e$yi), c(e$vi), d$n)
}
for (s in names(ratios)) add("ratio", s, ratios[[s]]$y, ratios[[s]]$s^2)
all <- do.call(rbind, rows)
for (name in names(all)) if (is.double(all[[name]]))
  all[[name]] <- ifelse(is.na(all[[name]]), "", formatC(all[[name]], digits = 13, format = "g", width = 1))
write.csv(all, "pooling.csv", row.names = FALSE, quote = FALSE, na = "")
