"""From a notebook to a page, and what is stale: what `render` and `build` are made of."""
