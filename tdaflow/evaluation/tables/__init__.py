"""Results as tables: of one run, of several data sets, and the published rows beside them."""
