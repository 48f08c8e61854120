"""The model that an evaluation keeps: what it is, its files and card, and what it predicts of new volumes."""
