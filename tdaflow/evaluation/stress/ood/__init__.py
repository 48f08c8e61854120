"""Out-of-distribution detection: volumes of other kinds, and scores that should be higher for them."""
