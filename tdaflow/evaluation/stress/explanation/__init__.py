"""Maps of a decision over the birth–persistence plane, as mean and SD over seeds."""
