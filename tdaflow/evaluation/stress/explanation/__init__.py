"""Where in the birth–persistence plane a decision comes from, as mean and SD over seeds."""
