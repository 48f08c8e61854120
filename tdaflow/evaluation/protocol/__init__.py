"""Fit on train, choose on validation, test once: features, classifiers, metrics and the ledger of test splits."""
