"""Does the method know what it does not know: volumes of other kinds, and what its uncertainty says of them."""
