"""Predict the images of a volume store, with the exact computation for uncertain volumes."""
