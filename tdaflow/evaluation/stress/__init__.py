"""Analyses of a recorded choice: robustness, out-of-distribution scores, explanation and calibration."""
