"""From the bytes of a table to typed cells: what `cohort` is made of."""
