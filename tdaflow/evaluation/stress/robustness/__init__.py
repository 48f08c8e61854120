"""Robustness of the recorded choice to perturbed test volumes and another resolution."""
