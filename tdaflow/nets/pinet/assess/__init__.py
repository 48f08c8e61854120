"""Evaluate a Volume PI-Net on the test volumes of a run."""
